package hostile

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// behaviours are all of them.
func behaviours() []behaviour {
	return slices.Concat(packLies(), rollbacks(), forks(), logLies(), fileLies(), infoLies(), pushLies(), httpLies(), memberLies())
}

// reading is the table of a lie that concerns whoever reads packs.
func reading(classes ...string) map[string][]string {
	return map[string][]string{"": classes, vPush: {ok}}
}

// changed is a lie about the bytes of all packs.
func changed(change func(c *hostileCase, data []byte) []byte) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{packBytes: func(_ context.Context, name pack.Name) ([]byte, error) {
			data, err := c.l.onDisk(name)
			if err != nil {
				return nil, err
			}
			return change(c, data), nil
		}}
	}
}

// onDisk reads a pack off the host's disk.
func (l *liar) onDisk(name pack.Name) ([]byte, error) {
	data, err := readFile(l.disk, name.Path())
	if err != nil {
		return nil, fmt.Errorf("%w: %w", remote.ErrNotFound, err)
	}
	return data, nil
}

// stream is a lie that answers every pack with a stream.
func stream(r func(c *hostileCase) io.Reader) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{pack: func(context.Context, pack.Name) (io.ReadCloser, error) { return io.NopCloser(r(c)), nil }}
	}
}

// endless gives the same byte for ever.
type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}

func packLies() []behaviour {
	return []behaviour{
		{name: "pack bit", what: "flips one bit of every pack", must: reading(damage), lie: changed(func(c *hostileCase, data []byte) []byte {
			data[(len(data)*3/4)%len(data)] ^= 4
			return data
		})},
		{name: "pack cut", what: "gives all but the last byte of every pack", must: reading(damage), lie: changed(func(_ *hostileCase, data []byte) []byte {
			return data[:len(data)-1]
		})},
		{name: "pack longer", what: "appends a byte to every pack", must: reading(damage), lie: changed(func(_ *hostileCase, data []byte) []byte {
			return append(data, 0)
		})},
		{name: "pack empty", what: "gives nothing of every pack", must: reading(damage), lie: changed(func(*hostileCase, []byte) []byte { return nil })},
		{name: "pack zeros", what: "gives zeros of the right length", must: reading(damage), lie: changed(func(_ *hostileCase, data []byte) []byte {
			return make([]byte, len(data))
		})},
		{name: "packs swapped", what: "serves every pack under the name of another", must: reading(damage), lie: func(c *hostileCase) lies {
			list, err := c.l.honest.Packs(c.t.Context())
			must(c.t, err)
			return lies{packBytes: func(_ context.Context, name pack.Name) ([]byte, error) {
				i := slices.IndexFunc(list, func(p refs.Pack) bool { return p.Name == name })
				if i < 0 {
					return nil, remote.ErrNotFound
				}
				return readFile(c.l.disk, pack.Name(list[(i+1)%len(list)].Name).Path())
			}}
		}},
		{name: "packs withheld", what: "lists packs and has none", must: reading(damage), lie: func(*hostileCase) lies {
			return lies{packBytes: func(context.Context, pack.Name) ([]byte, error) { return nil, remote.ErrNotFound },
				checkPack: func(context.Context, pack.Name) error { return remote.ErrNotFound }}
		}},
		{name: "one pack withheld", what: "has not got one of the newest commit's packs", must: reading(damage), lie: func(c *hostileCase) lies {
			lost := newest(c)
			return lies{packBytes: func(_ context.Context, name pack.Name) ([]byte, error) {
				if name == lost {
					return nil, remote.ErrNotFound
				}
				return c.l.onDisk(name)
			}}
		}},
		{name: "pack endless", what: "never ends a pack", must: map[string][]string{"": {damage}, vPush: {ok}}, carriers: []string{"direct", "only"},
			lie: stream(func(*hostileCase) io.Reader { return endless(7) })},
		{name: "pack breaks off", what: "breaks every pack off in the middle", must: reading(unreachable), lie: stream(func(*hostileCase) io.Reader {
			return io.MultiReader(bytes.NewReader(make([]byte, 1000)), broken{})
		})},
	}
}

// broken is the end of a connection.
type broken struct{}

func (broken) Read([]byte) (int, error) {
	return 0, errors.Join(remote.ErrUnreachable, io.ErrUnexpectedEOF)
}

// newest is a pack that the newest record of bob adds.
func newest(c *hostileCase) (name pack.Name) {
	tag := c.w.logs["bob"]
	must(c.t, c.l.honest.Records(c.t.Context(), tag, 0, func(data []byte) error {
		h, _, err := refs.DecodeHeader(data)
		if err == nil && len(h.Added) > 0 {
			name = h.Added[len(h.Added)-1].Name
		}
		return err
	}))
	return name
}
