package storetest

import (
	"bytes"
	"context"
	"io"

	"evault/remote"
)

func contextChecks() []check {
	return []check{
		{"over before the call", contextOver},
		{"over while a pack is sent", contextWhileSending},
		{"over while a pack is read", contextWhileReading},
		{"over between records", contextBetweenRecords},
	}
}

func contextOver(p *place) {
	w := p.writer()
	info, data := p.newPack(1000)
	other, otherData := Pack(99, 1000)
	name, file := slotFile(1)
	p.append(w.Record(nil))
	ctx, cancel := context.WithCancel(p.ctx)
	cancel()
	for call, f := range map[string]func(s remote.Store) error{
		"Info":    func(s remote.Store) error { _, err := s.Info(ctx); return err },
		"Create":  func(s remote.Store) error { _, err := s.Create(ctx); return err },
		"Files":   func(s remote.Store) error { _, err := s.Files(ctx); return err },
		"File":    func(s remote.Store) error { _, err := s.File(ctx, name); return err },
		"PutFile": func(s remote.Store) error { return s.PutFile(ctx, name, file) },
		"Packs":   func(s remote.Store) error { _, err := s.Packs(ctx); return err },
		"Pack": func(s remote.Store) error {
			r, err := s.Pack(ctx, info.Name, 0, -1)
			if err != nil {
				return err
			}
			_, err = io.ReadAll(r)
			r.Close()
			return err
		},
		"PutPack":    func(s remote.Store) error { return s.PutPack(ctx, other, Source(otherData)) },
		"CheckPack":  func(s remote.Store) error { return s.CheckPack(ctx, info.Name) },
		"DeletePack": func(s remote.Store) error { return s.DeletePack(ctx, info.Name) },
		"DeleteFile": func(s remote.Store) error { return s.DeleteFile(ctx, name) },
		"Heads":      func(s remote.Store) error { _, err := s.Heads(ctx); return err },
		"Records": func(s remote.Store) error {
			return s.Records(ctx, w.Tag(), 0, func([]byte) error { return nil })
		},
		"Append": func(s remote.Store) error { return s.Append(ctx, [][]byte{w.Sign(w.Next(), []byte("b"))}, w.Heads()) },
	} {
		p.Log(call)
		p.want(f(p.store), context.Canceled)
	}
	p.lists(info)
	p.hasPack(info, data)
	p.hasHeads(w.Heads()...)
	files, err := p.store.Files(p.ctx)
	p.must(err)
	if len(files) != 0 {
		p.Errorf("files %v", files)
	}
}

func contextWhileSending(p *place) {
	p.create()
	ctx, cancel := context.WithCancel(p.ctx)
	info, data := Pack(1, 2<<20)
	err := p.store.PutPack(ctx, info, func() (io.ReadCloser, error) {
		return io.NopCloser(io.MultiReader(bytes.NewReader(data[:1<<20]), ending{cancel}, bytes.NewReader(data[1<<20:]))), nil
	})
	p.want(err, context.Canceled)
	p.lists()
	p.must(p.store.PutPack(p.ctx, info, Source(data)))
	p.hasPack(info, data)
}

// ending cancels when it is read.
type ending struct{ cancel context.CancelFunc }

func (e ending) Read([]byte) (int, error) {
	e.cancel()
	return 0, io.EOF
}

func contextWhileReading(p *place) {
	p.create()
	info, data := p.newPack(32 << 20)
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	r, err := p.store.Pack(ctx, info.Name, 0, -1)
	p.must(err)
	_, err = io.ReadFull(r, make([]byte, 1000))
	p.must(err)
	cancel()
	n, err := io.Copy(io.Discard, r)
	if err == nil || n == int64(len(data))-1000 {
		p.Errorf("%d bytes were read after the end, with error %v", n, err)
	}
	p.want(err, context.Canceled)
	if err := r.Close(); err != nil {
		p.Logf("closing: %v", err)
	}
	p.hasPack(info, data)
}

func contextBetweenRecords(p *place) {
	w := p.writer()
	p.append(w.Records(50)...)
	ctx, cancel := context.WithCancel(p.ctx)
	defer cancel()
	seen := 0
	err := p.store.Records(ctx, w.Tag(), 0, func([]byte) error {
		seen++
		cancel()
		return nil
	})
	p.want(err, context.Canceled)
	if seen == 50 {
		p.Error("all records were given after the end of the context")
	}
}
