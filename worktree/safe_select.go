package worktree

// picked is a selection as a tree of names: what is below a path that was named is wanted, what leads to one is passed.
type picked struct {
	all  bool
	kids map[string]*picked
	path string // as it was named, where all is set
	met  bool   // the walk found it
}

// pick makes the tree of a selection. An empty selection is everything.
func pick(sel Selection) (*picked, error) {
	root := &picked{all: len(sel) == 0}
	for _, path := range sel {
		parts, err := splitSelected(path)
		if err != nil {
			return nil, err
		}
		root.add(path, parts)
	}
	return root, nil
}

func (p *picked) add(path string, parts []string) {
	for _, name := range parts {
		if p.all {
			return
		}
		next := p.kids[name]
		if next == nil {
			if p.kids == nil {
				p.kids = make(map[string]*picked)
			}
			next = new(picked)
			p.kids[name] = next
		}
		p = next
	}
	p.all, p.kids, p.path = true, nil, path
}

// below gives what is wanted of name, nil if nothing is.
func (p *picked) below(name string) *picked {
	if p.all {
		return p
	}
	return p.kids[name]
}

// missed calls f for each named path that the walk did not meet.
func (p *picked) missed(f func(path string)) {
	if p.path != "" && !p.met {
		f(p.path)
	}
	for _, kid := range p.kids {
		kid.missed(f)
	}
}
