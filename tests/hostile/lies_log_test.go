package hostile

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"

	"evault/internal/vfs/memfs"
	"evault/refs"
	"evault/remote"
)

// everywhere is the table of a lie that every verb notices in the same way.
func everywhere(classes ...string) map[string][]string { return map[string][]string{"": classes} }

// fooled is the table of a lie that everybody notices but a new device, which knows nothing to compare it with.
func fooled(classes ...string) map[string][]string {
	return map[string][]string{"": classes, vClone: {ok}}
}

// scarred is what comes after a push that went to another disk than the honest host's: what was acknowledged is gone there,
// and the client says so.
func scarred() map[string][]string { return map[string][]string{vPush: {ok, security}} }

// served is a lie that serves another disk.
func served(disk func(c *hostileCase) *memfs.Memory) func(c *hostileCase) lies {
	return func(c *hostileCase) lies { return lies{base: storeOn(c.t, c.w.vault, disk(c))} }
}

// was serves an earlier state.
func was(name string) func(c *hostileCase) lies {
	return served(func(c *hostileCase) *memfs.Memory { return c.w.state(name).disk.Snapshot() })
}

func showsState(name string) func(w *world) state {
	return func(w *world) state { return w.state(name) }
}

// grafted serves the truth with one device's log as another disk has it.
func grafted(who string, from func(w *world) *memfs.Memory) func(c *hostileCase) lies {
	return served(func(c *hostileCase) *memfs.Memory {
		return graft(c.t, c.w.truth().disk, from(c.w), c.w.logs[who])
	})
}

// cutting serves the truth with one log shortened to n records.
func cutting(who string, n int) func(c *hostileCase) lies {
	return served(func(c *hostileCase) *memfs.Memory {
		disk := c.w.truth().disk.Snapshot()
		cut(c.t, disk, c.w.logs[who], n)
		return disk
	})
}

// eachRecord is a lie about the bytes of all records.
func eachRecord(change func(h refs.Header, data []byte) []byte) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{records: func(ctx context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
			return c.l.honest.Records(ctx, tag, from, func(data []byte) error {
				h, _, err := refs.DecodeHeader(data)
				if err != nil {
					return err
				}
				return each(change(h, slices.Clone(data)))
			})
		}}
	}
}

// announced is a lie about the heads.
func announced(change func(c *hostileCase, heads []refs.Position) []refs.Position) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		return lies{heads: func(ctx context.Context) ([]refs.Position, error) {
			heads, err := c.l.honest.Heads(ctx)
			return change(c, heads), err
		}}
	}
}

// ofLog changes the head of one device's log.
func ofLog(who string, change func(p *refs.Position)) func(c *hostileCase, heads []refs.Position) []refs.Position {
	return func(c *hostileCase, heads []refs.Position) []refs.Position {
		for i := range heads {
			if heads[i].Tag == c.w.logs[who] {
				change(&heads[i])
			}
		}
		return heads
	}
}

// recordsOf gives the records of a device's log in a store.
func recordsOf(c *hostileCase, s remote.Store, tag refs.Tag) (out [][]byte) {
	must(c.t, s.Records(c.t.Context(), tag, 0, func(data []byte) error {
		out = append(out, slices.Clone(data))
		return nil
	}))
	return out
}

// headOf is the position of a record.
func headOf(c *hostileCase, data []byte) refs.Position {
	h, body, err := refs.DecodeHeader(data)
	must(c.t, err)
	return refs.Position{Tag: h.Tag, Seq: h.Seq, Hash: sumOf(data, body)}
}

// sumOf is the hash of the header in front of a record's body.
func sumOf(data, body []byte) [32]byte { return sha256.Sum256(data[:len(data)-len(body)]) }

// shown is a lie that gives one log as this list of records.
func shown(who string, list func(c *hostileCase, honest [][]byte) [][]byte) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		tag := c.w.logs[who]
		given := list(c, recordsOf(c, c.l.honest, tag))
		return lies{
			heads: func(ctx context.Context) ([]refs.Position, error) {
				heads, err := c.l.honest.Heads(ctx)
				for i := range heads {
					if heads[i].Tag == tag {
						heads[i].Seq, heads[i].Hash = uint64(len(given)-1), headOf(c, given[len(given)-1]).Hash
					}
				}
				return heads, err
			},
			records: func(ctx context.Context, t refs.Tag, from uint64, each func([]byte) error) error {
				if t != tag {
					return c.l.honest.Records(ctx, t, from, each)
				}
				return giveAll(given[min(from, uint64(len(given))):], each)
			},
		}
	}
}

func giveAll(list [][]byte, each func([]byte) error) error {
	for _, data := range list {
		if err := each(data); err != nil {
			return err
		}
	}
	return nil
}

// added is a lie that shows one log more.
func added(list func(c *hostileCase) (refs.Tag, [][]byte)) func(c *hostileCase) lies {
	return func(c *hostileCase) lies {
		tag, given := list(c)
		return lies{
			heads: func(ctx context.Context) ([]refs.Position, error) {
				heads, err := c.l.honest.Heads(ctx)
				p := headOf(c, given[len(given)-1])
				p.Tag, p.Seq = tag, uint64(len(given)-1)
				heads = append(heads, p)
				slices.SortFunc(heads, func(a, b refs.Position) int { return slices.Compare(a.Tag[:], b.Tag[:]) })
				return heads, err
			},
			records: func(ctx context.Context, t refs.Tag, from uint64, each func([]byte) error) error {
				if t == tag {
					return giveAll(given[min(from, uint64(len(given))):], each)
				}
				return c.l.honest.Records(ctx, t, from, each)
			},
		}
	}
}

// rollbacks are earlier states and mixtures.
func rollbacks() []behaviour {
	return []behaviour{
		{name: "all put back", what: "shows the state of long ago", must: fooled(security), shows: showsState("carol"), evidence: true, lie: was("carol")},
		{name: "nothing new", healed: true, deaf: true, after: scarred(), what: "shows the state that the client knows, and hides what came after: nobody can notice that yet",
			must: everywhere(ok), shows: showsState("removed"), lie: was("removed")},
		{name: "one log put back", after: scarred(), what: "takes all but the first record off bob's log", must: everywhere(security), evidence: true, lie: cutting("bob", 0)},
		{name: "newest hidden", after: scarred(), what: "hides bob's newest record, which carol has seen", must: everywhere(security), evidence: true, lie: cutting("bob", 1)},
		{name: "own log put back", what: "takes the newest record off the client's own log", must: everywhere(security), evidence: true, lie: cutting("alice", 1)},
		{name: "own log withheld", what: "does not know the client's own log", must: everywhere(security), evidence: true,
			lie: grafted("alice", func(*world) *memfs.Memory { return nil })},
		{name: "log withheld", after: scarred(), what: "does not know carol's log", must: map[string][]string{"": {security}, vClone: {security}}, evidence: true,
			lie: grafted("carol", func(*world) *memfs.Memory { return nil })},
		{name: "all logs withheld", what: "has no logs", must: fooled(security), evidence: true,
			shows: func(*world) state { return state{} },
			lie: func(*hostileCase) lies {
				return lies{heads: func(context.Context) ([]refs.Position, error) { return nil, nil }}
			}},
		{name: "put back, and a new log", what: "puts all back and shows the log of an outsider besides", must: everywhere(security), evidence: true,
			lie: served(func(c *hostileCase) *memfs.Memory {
				disk := c.w.state("bob").disk.Snapshot()
				copyTree(c.t, disk, c.w.foreign.disk, "logs")
				return disk
			})},
		{name: "put back, and a new record", after: everywhere(security), what: "puts all back to the start and shows what mallory did later", must: everywhere(security), evidence: true,
			lie: served(func(c *hostileCase) *memfs.Memory {
				return graft(c.t, c.w.state("first").disk, c.w.late.disk, c.w.logs["mallory"])
			})},
		{name: "logs of two times", what: "shows carol's log of now with bob's of long ago", must: everywhere(security), evidence: true,
			lie: served(func(c *hostileCase) *memfs.Memory {
				return graft(c.t, c.w.state("bob").disk, c.w.truth().disk, c.w.logs["carol"])
			})},
		{name: "heads of now, records of then", what: "announces the newest heads and gives the records of long ago", must: everywhere(security), evidence: true,
			lie: func(c *hostileCase) lies {
				old := storeOn(c.t, c.w.vault, c.w.state("carol").disk.Snapshot())
				return lies{records: old.Records}
			}},
		{name: "heads of then, records of now", what: "announces the heads of long ago and gives all records", must: fooled(security), evidence: true,
			shows: showsState("carol"), lie: func(c *hostileCase) lies {
				old := storeOn(c.t, c.w.vault, c.w.state("carol").disk.Snapshot())
				return lies{heads: old.Heads}
			}},
	}
}

// forks show one device's log in two forms.
func forks() []behaviour {
	return []behaviour{
		{name: "fork of a known record", after: map[string][]string{vPush: {ok, security}, vClone: {security}}, what: "shows bob's log with another first record than the client knows, signed by bob's own log key",
			must: everywhere(security), evidence: true, forked: true, lie: grafted("bob", func(w *world) *memfs.Memory { return w.fork1.disk })},
		{name: "fork of a known record, and nothing else", what: "shows what the client knows, but for bob's first record, of which it shows another",
			must: everywhere(security), evidence: true, forked: true, after: map[string][]string{vPush: {ok, security}, vClone: {security}},
			lie: served(func(c *hostileCase) *memfs.Memory {
				return graft(c.t, c.w.state("removed").disk, c.w.fork1.disk, c.w.logs["bob"])
			})},
		{name: "fork of a seen record", after: everywhere(security), what: "shows bob's second record other than carol has seen it", must: everywhere(security), evidence: true,
			lie: grafted("bob", func(w *world) *memfs.Memory { return w.fork2.disk })},
		{name: "fork of something new", deaf: true, what: "shows this client one second record of bob's, and others another: seen when the two are compared",
			must: everywhere(ok), shows: func(w *world) state { return w.fork2 }, after: everywhere(security),
			lie: served(func(c *hostileCase) *memfs.Memory { return c.w.fork2.disk.Snapshot() })},
	}
}

// logLies are about heads and records.
func logLies() []behaviour {
	return []behaviour{
		{name: "body bit", what: "flips a bit in the last byte of every record", must: everywhere(damage, security), lie: eachRecord(func(_ refs.Header, data []byte) []byte {
			data[len(data)-1] ^= 1
			return data
		})},
		{name: "header bit", what: "flips a bit of every record's signature", must: everywhere(security), evidence: true, lie: eachRecord(func(h refs.Header, data []byte) []byte {
			data[len(data)-int(h.BodySize)-1] ^= 1
			return data
		})},
		{name: "body dropped", what: "gives headers without bodies", must: everywhere(damage, security), lie: eachRecord(func(h refs.Header, data []byte) []byte {
			return data[:len(data)-int(h.BodySize)]
		})},
		{name: "record cut", what: "cuts every record to half", must: everywhere(damage, security), lie: eachRecord(func(_ refs.Header, data []byte) []byte {
			return data[:len(data)/2]
		})},
		{name: "record empty", what: "gives empty records", must: everywhere(damage, security, failed), lie: eachRecord(func(refs.Header, []byte) []byte { return nil })},
		{name: "record longer", what: "appends a byte to every record", must: everywhere(damage, security), lie: eachRecord(func(_ refs.Header, data []byte) []byte {
			return append(data, 0)
		})},
		{name: "record too large", what: "gives records of 4 MiB", must: everywhere(damage, security, failed), lie: eachRecord(func(_ refs.Header, data []byte) []byte {
			return append(data, make([]byte, 4<<20)...)
		})},
		{name: "records withheld", what: "announces records and gives none", must: everywhere(security), evidence: true, lie: func(*hostileCase) lies {
			return lies{records: func(context.Context, refs.Tag, uint64, func([]byte) error) error { return nil }}
		}},
		{name: "records refused", what: "announces records and says that there is no such log", must: everywhere(failed, damage, security), lie: func(*hostileCase) lies {
			return lies{records: func(context.Context, refs.Tag, uint64, func([]byte) error) error { return remote.ErrNotFound }}
		}},
		{name: "records break off", what: "breaks off after the first record", must: everywhere(unreachable), lie: func(c *hostileCase) lies {
			return lies{records: func(ctx context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
				n := 0
				return c.l.honest.Records(ctx, tag, from, func(data []byte) error {
					if n++; n > 1 {
						return fmt.Errorf("%w: %w", remote.ErrUnreachable, io.ErrUnexpectedEOF)
					}
					return each(data)
				})
			}}
		}},
		{name: "records endless", what: "gives the newest record of each log over and over", must: everywhere(ok, security), lie: func(c *hostileCase) lies {
			return lies{records: func(ctx context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
				var last []byte
				err := c.l.honest.Records(ctx, tag, from, func(data []byte) error { last = slices.Clone(data); return each(data) })
				for err == nil && ctx.Err() == nil {
					err = each(last)
				}
				return err
			}}
		}},
		{name: "records backwards", what: "gives the records of each log in the wrong order", must: everywhere(security), evidence: true, lie: func(c *hostileCase) lies {
			return lies{records: func(ctx context.Context, tag refs.Tag, from uint64, each func([]byte) error) error {
				var all [][]byte
				err := c.l.honest.Records(ctx, tag, from, func(data []byte) error { all = append(all, slices.Clone(data)); return nil })
				slices.Reverse(all)
				if err != nil {
					return err
				}
				return giveAll(all, each)
			}}
		}},
		{name: "old record as new", what: "gives bob's first record once more as his newest", must: everywhere(security), evidence: true,
			lie: shown("bob", func(_ *hostileCase, all [][]byte) [][]byte { return append(all, all[0]) })},
		{name: "record left out", what: "gives bob's log without its first record", must: everywhere(security), evidence: true,
			lie: shown("bob", func(_ *hostileCase, all [][]byte) [][]byte { return all[1:] })},
		{name: "logs swapped", what: "gives carol's records as bob's", must: everywhere(security), evidence: true,
			lie: shown("bob", func(c *hostileCase, _ [][]byte) [][]byte { return recordsOf(c, c.l.honest, c.w.logs["carol"]) })},
		{name: "record of a removed device", after: everywhere(security), what: "shows what mallory wrote after she was removed", must: everywhere(security), evidence: true,
			lie: grafted("mallory", func(w *world) *memfs.Memory { return w.late.disk })},
		{name: "log of a stranger", after: scarred(), what: "shows a log that no member wrote, of this store", must: everywhere(security), evidence: true,
			lie: served(func(c *hostileCase) *memfs.Memory {
				disk := c.w.truth().disk.Snapshot()
				copyTree(c.t, disk, c.w.foreign.disk, "logs")
				return disk
			})},
		{name: "log of another store", what: "shows a log that bob wrote in another store", must: everywhere(security), evidence: true,
			lie: added(func(c *hostileCase) (refs.Tag, [][]byte) {
				s := storeOn(c.t, c.w.vault, c.w.elsewhere.disk)
				heads, err := s.Heads(c.t.Context())
				must(c.t, err)
				return heads[0].Tag, recordsOf(c, s, heads[0].Tag)
			})},
		{name: "log of another store renamed", what: "shows a log that bob wrote in another store as his in this one", must: everywhere(security), evidence: true,
			lie: shown("bob", func(c *hostileCase, _ [][]byte) [][]byte {
				s := storeOn(c.t, c.w.vault, c.w.elsewhere.disk)
				heads, err := s.Heads(c.t.Context())
				must(c.t, err)
				return recordsOf(c, s, heads[0].Tag)
			})},
		{name: "heads too far", what: "announces five records more of bob's log than there are", must: everywhere(security), evidence: true,
			lie: announced(ofLog("bob", func(p *refs.Position) { p.Seq += 5 }))},
		{name: "heads of numbers without end", what: "announces 2^64-1 as every sequence", must: everywhere(security), evidence: true,
			lie: announced(func(_ *hostileCase, heads []refs.Position) []refs.Position {
				for i := range heads {
					heads[i].Seq = 1<<64 - 1
				}
				return heads
			})},
		{name: "heads of other hashes", what: "announces bob's newest record with another hash", must: everywhere(security), evidence: true,
			lie: announced(ofLog("bob", func(p *refs.Position) { p.Hash[7] ^= 1 }))},
		{name: "heads of no hashes", what: "announces all records with a hash of zeros", must: everywhere(security), evidence: true,
			lie: announced(func(_ *hostileCase, heads []refs.Position) []refs.Position {
				for i := range heads {
					heads[i].Hash = [32]byte{}
				}
				return heads
			})},
		{name: "heads twice", what: "announces every log twice", must: everywhere(security, failed),
			lie: announced(func(_ *hostileCase, heads []refs.Position) []refs.Position {
				return slices.Concat(heads[:1], heads)
			})},
		{name: "heads unsorted", what: "announces logs in the wrong order", must: everywhere(security, failed),
			lie: announced(func(_ *hostileCase, heads []refs.Position) []refs.Position {
				slices.Reverse(heads)
				return heads
			})},
		{name: "heads too many", what: "announces more logs than a store may hold", must: everywhere(damage, security, failed),
			lie: announced(func(*hostileCase, []refs.Position) []refs.Position {
				many := make([]refs.Position, refs.MaxLogs+1)
				for i := range many {
					many[i].Tag[0], many[i].Tag[1], many[i].Tag[31] = byte(i>>8), byte(i), 1
				}
				return many
			})},
		{name: "heads of many strangers", what: "announces 4,000 logs besides that it makes up", must: everywhere(security), evidence: true,
			lie: announced(func(_ *hostileCase, heads []refs.Position) []refs.Position {
				for i := range 4000 {
					p := refs.Position{Seq: uint64(i)}
					p.Tag[0], p.Tag[1], p.Tag[31] = byte(i>>8), byte(i), 1
					heads = append(heads, p)
				}
				slices.SortFunc(heads, func(a, b refs.Position) int { return slices.Compare(a.Tag[:], b.Tag[:]) })
				return heads
			})},
	}
}
