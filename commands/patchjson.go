package commands

import (
	"bytes"
	"unicode/utf8"

	"evault/repo"
)

// diffJSON is one path that differs, in JSON.
type diffJSON struct {
	schema
	jsonPath
	OldPath    *jsonPath  `json:"old,omitempty"`
	Kind       string     `json:"kind"`
	Dir        bool       `json:"dir,omitempty"`
	Details    []string   `json:"details,omitempty"`
	Similarity int        `json:"similarity,omitempty"`
	OldSize    uint64     `json:"old_size,omitempty"`
	NewSize    uint64     `json:"new_size,omitempty"`
	OldMode    uint32     `json:"old_mode,omitempty"`
	NewMode    uint32     `json:"new_mode,omitempty"`
	Binary     bool       `json:"binary"`
	Shared     uint64     `json:"shared,omitempty"`
	Added      int        `json:"added"`
	Deleted    int        `json:"deleted"`
	Hunks      []hunkJSON `json:"hunks,omitempty"`
}

type hunkJSON struct {
	OldStart int        `json:"old_start"`
	OldLines int        `json:"old_lines"`
	NewStart int        `json:"new_start"`
	NewLines int        `json:"new_lines"`
	Lines    []lineJSON `json:"lines"`
}

// lineJSON is one line: "op" is " ", "-" or "+".
type lineJSON struct {
	Op        string `json:"op"`
	Text      string `json:"text"`
	Bytes     []byte `json:"text_base64,omitempty"`
	NoNewline bool   `json:"no_newline,omitempty"`
}

// emitDiff prints one path as JSON, with its lines if they are wanted.
func (a *app) emitDiff(d *repo.FileDiff, lines bool) error {
	out := diffJSON{schema: schemaOf("diff"), jsonPath: pathJSON(d.Path()), Kind: lookOf(d.Kind).json, Dir: d.IsDir(),
		Details: d.Details, Similarity: d.Similarity}
	if moved(d) {
		old := pathJSON(d.OldPath)
		out.OldPath = &old
	}
	if d.Old != nil {
		out.OldSize, out.OldMode = d.Old.Size, d.Old.Mode
	}
	if d.New != nil {
		out.NewSize, out.NewMode = d.New.Size, d.New.Mode
	}
	if c := d.Content; c != nil {
		out.Binary, out.Shared, out.Added, out.Deleted = c.Binary, c.Shared, c.Added, c.Deleted
		if lines {
			out.Hunks = hunksJSON(d)
		}
	}
	return a.emit(out)
}

func hunksJSON(d *repo.FileDiff) []hunkJSON {
	c := d.Content
	hunks := c.Hunks
	if d.Kind == repo.TypeChanged {
		hunks = wholeHunk(len(c.Old), len(c.New))
	}
	var out []hunkJSON
	for _, h := range hunks {
		j := hunkJSON{h.A0 + 1, h.A1 - h.A0, h.B0 + 1, h.B1 - h.B0, nil}
		for op, line := range h.Lines(c.Old, c.New) {
			j.Lines = append(j.Lines, toLineJSON(op, line))
		}
		out = append(out, j)
	}
	return out
}

func toLineJSON(op byte, line []byte) lineJSON {
	body, ended := bytes.CutSuffix(line, []byte("\n"))
	out := lineJSON{Op: string(rune(op)), Text: string(body), NoNewline: !ended}
	if !utf8.Valid(body) {
		out.Bytes = body
	}
	return out
}
