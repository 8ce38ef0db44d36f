package objects

import "context"

// Between calls each for every commit that can be reached from tips and not from
// known, in descending order of generation: none before one of its descendants, and
// none twice. It reads those, and of the others about as many as lie between the tips
// and the newest known commits. An error of each ends the walk and is returned as it
// is.
func Between(ctx context.Context, src Source, tips, known []ID, each func(id ID, c *Commit) error) error {
	p := painting{src: src, byID: map[ID]*painted{}}
	for _, id := range known {
		if err := p.add(ctx, id, 0, stale); err != nil {
			return err
		}
	}
	for _, id := range tips {
		if err := p.add(ctx, id, 0, fromA); err != nil {
			return err
		}
	}
	for p.unripe > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		c := p.take()
		if c.colours&stale == 0 {
			if err := each(c.id, c.commit); err != nil {
				return err
			}
		}
		if err := p.parents(ctx, c, c.colours); err != nil {
			return err
		}
	}
	return nil
}

// AheadBehind counts the commits that can be reached from a and not from b, and those
// from b and not from a. A zero ID reaches nothing.
func AheadBehind(ctx context.Context, src Source, a, b ID) (ahead, behind int, err error) {
	p := painting{src: src, byID: map[ID]*painted{}}
	for _, side := range [...]struct {
		id     ID
		colour uint8
	}{{a, fromA}, {b, fromB}} {
		if side.id.IsZero() {
			continue
		}
		if err := p.add(ctx, side.id, 0, side.colour); err != nil {
			return 0, 0, err
		}
	}
	for p.unripe > 0 {
		if err := ctx.Err(); err != nil {
			return 0, 0, err
		}
		c := p.take()
		colours := c.colours
		switch colours {
		case fromA:
			ahead++
		case fromB:
			behind++
		case fromA | fromB:
			colours |= stale
		}
		if err := p.parents(ctx, c, colours); err != nil {
			return 0, 0, err
		}
	}
	return ahead, behind, nil
}
