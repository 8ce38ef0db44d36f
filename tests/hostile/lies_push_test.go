package hostile

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"sync/atomic"

	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// pushing is the table of a lie that only a push meets.
func pushing(classes ...string) map[string][]string {
	return map[string][]string{"": {ok}, vPush: classes}
}

// takesPack is a lie about packs that are sent. It gets the bytes.
func takesPack(take func(c *hostileCase, p refs.Pack, data []byte) error) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{putPack: func(_ context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
			r, err := open()
			if err != nil {
				return err
			}
			data, err := io.ReadAll(r)
			if err := errors.Join(err, r.Close()); err != nil {
				return err
			}
			return take(c, p, data)
		}}
	}
}

// keep writes bytes to the host's disk under the name of a pack, right or wrong.
func (l *liar) keep(p refs.Pack, data []byte) error {
	name := pack.Name(p.Name).Path()
	return errors.Join(l.disk.MkdirAll(path.Dir(name), 0o755), writeFile(l.disk, name, data))
}

// keepRecords writes records to the host's disk without a look at them.
func (l *liar) keepRecords(records [][]byte) error {
	for _, data := range records {
		h, _, err := refs.DecodeHeader(data)
		if err != nil {
			return err
		}
		name := fmt.Sprintf("logs/%s/%016x", h.Tag, h.Seq)
		if err := errors.Join(l.disk.MkdirAll(path.Dir(name), 0o755), writeFile(l.disk, name, data)); err != nil {
			return err
		}
	}
	return nil
}

// answersAppend is a lie about records that are added.
func answersAppend(answer func(c *hostileCase, ctx context.Context, records [][]byte, heads []refs.Position) error) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{append: func(ctx context.Context, records [][]byte, heads []refs.Position) error {
			return answer(c, ctx, records, heads)
		}}
	}
}

func appendFails(err error) func(c *hostileCase) lies {
	return answersAppend(func(*hostileCase, context.Context, [][]byte, []refs.Position) error { return err })
}

// missing are packs that nobody has.
func missing(n int) (list []refs.Pack) {
	for i := range n {
		p := refs.Pack{Size: 1000}
		p.Name[0], p.Name[1], p.Name[2] = byte(i>>16), byte(i>>8), byte(i)
		list = append(list, p)
	}
	return list
}

func pushLies() []behaviour {
	yes := func(*hostileCase, refs.Pack, []byte) error { return nil }
	return []behaviour{
		{name: "packs taken and dropped", what: "says that it has stored every pack, and stores none", must: pushing(failed, damage, conflict), lie: takesPack(yes)},
		{name: "packs and record taken, packs dropped", healed: true, what: "acknowledges packs and record, and keeps the record alone", must: pushing(ok), deaf: true,
			lie: func(c *hostileCase) lies {
				l := takesPack(yes)(c)
				l.append = func(_ context.Context, records [][]byte, _ []refs.Position) error { return c.l.keepRecords(records) }
				return l
			}},
		{name: "packs and record taken, packs changed", healed: true, what: "acknowledges packs and record, and keeps other bytes", must: pushing(ok), deaf: true,
			lie: func(c *hostileCase) lies {
				l := takesPack(func(c *hostileCase, p refs.Pack, data []byte) error {
					data[len(data)/2] ^= 1
					return c.l.keep(p, data)
				})(c)
				l.append = func(_ context.Context, records [][]byte, _ []refs.Position) error { return c.l.keepRecords(records) }
				return l
			}},
		{name: "packs read by half", what: "takes half of every pack and says that it is done", must: pushing(failed, damage, conflict), carriers: []string{"direct"},
			lie: func(*hostileCase) lies {
				return lies{putPack: func(_ context.Context, p refs.Pack, open func() (io.ReadCloser, error)) error {
					r, err := open()
					if err != nil {
						return err
					}
					_, err = io.CopyN(io.Discard, r, int64(p.Size/2))
					return errors.Join(err, r.Close())
				}}
			}},
		{name: "packs do not fit", what: "says of every pack that it does not fit its name", must: pushing(failed, damage),
			lie: takesPack(func(*hostileCase, refs.Pack, []byte) error { return remote.ErrMismatch })},
		{name: "packs over quota", what: "has no more room for packs", must: pushing(failed), lie: takesPack(func(*hostileCase, refs.Pack, []byte) error { return remote.ErrQuota })},
		{name: "disk full", what: "has a full disk", must: pushing(failed), lie: takesPack(func(*hostileCase, refs.Pack, []byte) error { return remote.ErrFull })},
		{name: "packs break off", what: "hangs up while packs are sent", must: pushing(unreachable), lie: takesPack(func(*hostileCase, refs.Pack, []byte) error { return remote.ErrUnreachable })},
		{name: "packs stored, answer lost", what: "stores every pack and fails to say so", must: pushing(unreachable, ok), lie: takesPack(func(c *hostileCase, p refs.Pack, data []byte) error {
			return errors.Join(c.l.keep(p, data), remote.ErrUnreachable)
		})},
		{name: "record taken and dropped", healed: true, what: "acknowledges the record and forgets it: the next look at the log shows it", must: pushing(ok, security), deaf: true,
			after: map[string][]string{vPush: {security}}, lie: appendFails(nil)},
		{name: "another was faster, always", what: "answers every record with a conflict", must: pushing(conflict), lie: appendFails(remote.ErrConflict)},
		{name: "conflict, and stored", what: "stores the record and answers with a conflict", must: pushing(ok), lie: answersAppend(
			func(c *hostileCase, ctx context.Context, records [][]byte, heads []refs.Position) error {
				return errors.Join(c.l.honest.Append(ctx, records, heads), remote.ErrConflict)
			})},
		{name: "stored, answer lost", what: "stores the record, and the answer is lost", must: pushing(unreachable, ok), lie: answersAppend(
			func(c *hostileCase, ctx context.Context, records [][]byte, heads []refs.Position) error {
				if err := c.l.honest.Append(ctx, records, heads); err != nil {
					return err
				}
				return remote.ErrUnreachable
			})},
		{name: "not stored, answer lost", what: "does not store the record, and breaks off", must: pushing(unreachable), lie: appendFails(remote.ErrUnreachable)},
		{name: "record does not fit", what: "says that the record fits nothing", must: pushing(failed, damage, security), lie: appendFails(remote.ErrMismatch)},
		{name: "record over quota", what: "takes no more records", must: pushing(failed), lie: appendFails(remote.ErrQuota)},
		{name: "record refused", what: "allows no records", must: pushing(failed), lie: appendFails(remote.ErrRefused)},
		{name: "packs missing, always", what: "says of the packs of the record, whenever it is sent, that they are missing", must: pushing(failed, damage, conflict), lie: answersAppend(
			func(_ *hostileCase, _ context.Context, records [][]byte, _ []refs.Position) error {
				h, _, err := refs.DecodeHeader(records[0])
				return errors.Join(err, &remote.MissingPacksError{Packs: h.Added})
			})},
		{name: "other packs missing", what: "asks for packs that nobody has", must: pushing(failed, damage, conflict), lie: appendFails(&remote.MissingPacksError{Packs: missing(3)})},
		{name: "many packs missing", what: "asks for 200,000 packs that nobody has", must: pushing(failed, damage, conflict), lie: appendFails(&remote.MissingPacksError{Packs: missing(200_000)})},
		{name: "packs there before they came", what: "lists packs as present that it lacks", must: pushing(ok), lie: func(c *hostileCase) lies {
			return lies{packs: func(ctx context.Context) ([]refs.Pack, error) {
				list, err := c.l.honest.Packs(ctx)
				for _, two := range names(c.t, c.w.topic.places.Vault, "store/packs") {
					for _, name := range names(c.t, c.w.topic.places.Vault, path.Join("store/packs", two)) {
						n, nameErr := pack.ParseName(name[:64])
						err = errors.Join(err, nameErr)
						list = append(list, refs.Pack{Name: n, Size: 1})
					}
				}
				slices.SortFunc(list, func(a, b refs.Pack) int { return slices.Compare(a.Name[:], b.Name[:]) })
				return slices.CompactFunc(list, func(a, b refs.Pack) bool { return a.Name == b.Name }), err
			}}
		}},
		{name: "no packs listed", what: "lists no packs, not even those of its records", must: pushing(ok, damage), lie: func(*hostileCase) lies {
			return lies{packs: func(context.Context) ([]refs.Pack, error) { return nil, nil }}
		}},
		{name: "packs of other sizes", what: "lists all packs with sizes of their own", must: pushing(ok, failed), lie: func(c *hostileCase) lies {
			return lies{packs: func(ctx context.Context) ([]refs.Pack, error) {
				list, err := c.l.honest.Packs(ctx)
				for i := range list {
					list[i].Size = []uint64{0, 1, 1 << 62}[i%3]
				}
				return list, err
			}}
		}},
		{name: "packs listed twice", what: "lists all packs twice, in no order", must: pushing(ok, failed), lie: func(c *hostileCase) lies {
			return lies{packs: func(ctx context.Context) ([]refs.Pack, error) {
				list, err := c.l.honest.Packs(ctx)
				back := slices.Clone(list)
				slices.Reverse(back)
				return append(back, list...), err
			}}
		}},
		{name: "many packs", what: "lists 200,000 packs, and none of those of its records", must: pushing(ok, damage), lie: func(*hostileCase) lies {
			return lies{packs: func(context.Context) ([]refs.Pack, error) { return missing(200_000), nil }}
		}},
		{name: "checks lie", what: "says of every pack that it is sound, and gives other bytes", must: reading(damage), lie: func(c *hostileCase) lies {
			l := changed(func(_ *hostileCase, data []byte) []byte { return make([]byte, len(data)) })(c)
			l.checkPack = func(context.Context, pack.Name) error { return nil }
			return l
		}},
		{name: "checks cry damage", what: "says of every pack that it is damaged, and gives it as it is", must: map[string][]string{"": {ok}, vRemote: {damage}}, lie: func(*hostileCase) lies {
			return lies{checkPack: func(context.Context, pack.Name) error { return remote.ErrDamaged }}
		}},
		{name: "checks cry absence", what: "says of every pack that it is not there, and gives it as it is", must: map[string][]string{"": {ok}, vRemote: {damage}}, lie: func(*hostileCase) lies {
			return lies{checkPack: func(context.Context, pack.Name) error { return remote.ErrNotFound }}
		}},
		{name: "first answers honest", what: "is honest for eight packs and gives zeros from then on", must: map[string][]string{"": {ok, damage}}, lie: func(c *hostileCase) lies {
			var n atomic.Int64
			return changed(func(_ *hostileCase, data []byte) []byte {
				if n.Add(1) > 8 {
					clear(data)
				}
				return data
			})(c)
		}},
		{name: "packs of half and half", what: "gives the first half of one pack and the second of another", must: reading(damage), lie: func(c *hostileCase) lies {
			list, err := c.l.honest.Packs(c.t.Context())
			must(c.t, err)
			other, err := c.l.onDisk(list[0].Name)
			must(c.t, err)
			return changed(func(_ *hostileCase, data []byte) []byte {
				half := min(len(data), len(other)) / 2
				mixed := slices.Concat(data[:half], other[half:])
				if slices.Equal(mixed, data) {
					mixed[0] ^= 1
				}
				return mixed
			})(c)
		}},
		{name: "packs of padding", what: "gives packs as they are with an ocean of zeros behind them", must: reading(damage), lie: changed(func(_ *hostileCase, data []byte) []byte {
			return append(data, make([]byte, 4<<20)...)
		})},
	}
}
