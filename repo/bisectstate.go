package repo

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"evault/internal/vfs"
	"evault/objects"
	"evault/refs"
)

// The marks of a bisect.
const (
	MarkBad  = "bad"
	MarkGood = "good"
	MarkSkip = "skip"
)

const (
	bisectName      = "bisect" // in local/
	bisectVersion   = 1
	maxBisectMarks  = 1 << 16
	maxBisectLength = 16 << 20 // bytes of the file
)

// bisectState is a bisect in progress, as local/bisect holds it: JSON, sealed. What is known follows from the marks alone, so
// that a verb that was killed is finished by giving the same mark again.
type bisectState struct {
	Version int          `json:"version"`
	Branch  string       `json:"branch,omitempty"` // where HEAD was before: a branch,
	Commit  string       `json:"commit,omitempty"` // or detached at a commit
	Base    string       `json:"base,omitempty"`   // the merge base that was last to be tested
	Marks   []bisectMark `json:"marks"`            // in the order in which they were given; of one commit, the last counts
}

// bisectMark is what is known of one commit.
type bisectMark struct {
	Mark   string `json:"mark"`
	Commit string `json:"commit"`
	// Settled says of a good commit that it is on the way to a bad one, or that where it came apart from that is good.
	Settled bool `json:"settled,omitempty"`

	id objects.ID
}

func bisectAAD() []byte { return []byte("evault bisect v1\x00") }

// loadBisect reads the bisect in progress; nil: there is none.
func (r *Repository) loadBisect() (*bisectState, error) {
	data, err := readFile(r.local, bisectName, maxBisectLength)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s/%s/%s: %w", VaultDir, localDir, bisectName, err)
	}
	sealer, err := r.vault.LocalSealer(bisectName)
	if err != nil {
		return nil, err
	}
	plain, err := sealer.Open(nil, data, bisectAAD())
	if err == nil {
		var s *bisectState
		if s, err = decodeBisect(plain); err == nil {
			return s, nil
		}
	}
	return nil, &kindError{ErrDamaged, fmt.Sprintf("%s/%s/%s cannot be read (remove it, and begin the bisect again)", VaultDir, localDir, bisectName), err}
}

// saveBisect makes a state durable.
func (r *Repository) saveBisect(s *bisectState) error {
	plain, err := encodeBisect(s)
	if err != nil {
		return err
	}
	sealer, err := r.vault.LocalSealer(bisectName)
	if err != nil {
		return err
	}
	return vfs.Publish(r.local, bisectName, sealer.Seal(nil, plain, bisectAAD()), 0o600)
}

// dropBisect ends the bisect in progress.
func (r *Repository) dropBisect() error {
	if err := r.local.Remove(bisectName); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return r.local.SyncDir(".")
}

func encodeBisect(s *bisectState) ([]byte, error) {
	if len(s.Marks) > maxBisectMarks {
		return nil, usagef("a bisect takes at most %d marks", maxBisectMarks)
	}
	s.Version = bisectVersion
	for i := range s.Marks {
		s.Marks[i].Commit = s.Marks[i].id.String()
	}
	return json.Marshal(s)
}

// decodeBisect reads what encodeBisect wrote, and nothing else.
func decodeBisect(data []byte) (*bisectState, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	s := new(bisectState)
	if err := d.Decode(s); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, errors.New("more than one document")
	}
	if s.Version != bisectVersion || len(s.Marks) > maxBisectMarks {
		return nil, fmt.Errorf("version %d, %d marks", s.Version, len(s.Marks))
	}
	return s, s.check()
}

func (s *bisectState) check() (err error) {
	for i := range s.Marks {
		m := &s.Marks[i]
		if m.Mark != MarkBad && m.Mark != MarkGood && m.Mark != MarkSkip {
			return fmt.Errorf("mark %.20q", m.Mark)
		}
		if m.id, err = objects.ParseID(m.Commit); err != nil {
			return err
		}
	}
	for _, text := range []string{s.Commit, s.Base} {
		if text == "" {
			continue
		}
		if _, err := objects.ParseID(text); err != nil {
			return err
		}
	}
	if s.Branch != "" {
		return refs.ValidateRefName(branchPrefix + s.Branch)
	}
	return nil
}

// mark notes what is known of a commit. What was said of it before does not count any more.
func (s *bisectState) mark(mark string, id objects.ID) {
	kept := s.Marks[:0:0]
	for _, m := range s.Marks {
		if m.id != id {
			kept = append(kept, m)
		}
	}
	s.Marks = append(kept, bisectMark{Mark: mark, id: id})
}

// known sorts the marks: the bad commit is the last that was called so.
func (s *bisectState) known() (bad objects.ID, good []objects.ID, skipped map[objects.ID]bool) {
	skipped = map[objects.ID]bool{}
	for _, m := range s.Marks {
		switch m.Mark {
		case MarkBad:
			bad = m.id
		case MarkGood:
			good = append(good, m.id)
		case MarkSkip:
			skipped[m.id] = true
		}
	}
	return bad, good, skipped
}
