package commands

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type lsOptions struct {
	long, recursive, nul bool
}

func newLs(a *app) *cobra.Command {
	var o lsOptions
	cmd := &cobra.Command{
		Use:   "ls [REV[:PATH]]",
		Short: "List a folder of a commit",
		Long:  `List a folder of a commit; without an argument the root of the last one. Paths are relative to the root of the work tree.`,
		Example: `  evault ls
  evault ls -l HEAD~1:photos
  evault ls -R -z main`,
		Args:              between(0, 1, "at most one REV[:PATH]"),
		ValidArgsFunction: a.completeRevisions(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			arg := "HEAD"
			if len(args) > 0 {
				arg = args[0]
			}
			return a.runLs(cmd.Context(), o, arg)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.long, "long", "l", false, "with mode, owner, size and time")
	f.BoolVarP(&o.recursive, "recursive", "R", false, "with everything below")
	f.BoolVarP(&o.nul, "null", "z", false, "end each line with NUL and quote nothing")
	return cmd
}

func (a *app) runLs(ctx context.Context, o lsOptions, arg string) error {
	return a.withVault(ctx, repo.ReadOnly, func(v *openVault) error {
		rev, p, _, err := v.splitPath(arg)
		if err != nil {
			return err
		}
		return v.List(ctx, repo.ListOptions{Revision: rev, Path: p, Recursive: o.recursive}, func(p string, e *objects.Entry) error {
			return a.listEntry(o, p, e)
		})
	})
}

func (a *app) listEntry(o lsOptions, p string, e *objects.Entry) error {
	if a.flags.json {
		return a.emit(struct {
			schema
			entryJSON
		}{schemaOf("ls"), toEntryJSON(p, e)})
	}
	name, end := slashIfDir(p, e), "\x00"
	if !o.nul {
		name, end = quoted(name), "\n"
	}
	if o.long {
		a.printf("%s %-8s %-8s %10s %s %s", modeString(e), ownerName(e.User, e.UID), ownerName(e.Group, e.GID), entrySize(e),
			a.local(instant(e.Mtime, 0)).Format(shortTime), name)
		if e.Type == objects.TypeSymlink {
			a.printf(" -> %s", quoted(e.Target))
		}
	} else {
		a.printf("%s", name)
	}
	a.printf("%s", end)
	return nil
}

func slashIfDir(p string, e *objects.Entry) string {
	if e.IsDir() {
		return p + "/"
	}
	return p
}

// modeString is type and permissions as ls -l shows them.
func modeString(e *objects.Entry) string {
	const bits = "rwxrwxrwx"
	text := []byte("?---------")
	if i := int(e.Type); i < len("?-dlpcb") {
		text[0] = "?-dlpcb"[i]
	}
	for i := range bits {
		if e.Mode&(1<<(8-i)) != 0 {
			text[1+i] = bits[i]
		}
	}
	for _, special := range []struct {
		bit           uint32
		at            int
		with, without byte
	}{{0o4000, 3, 's', 'S'}, {0o2000, 6, 's', 'S'}, {0o1000, 9, 't', 'T'}} {
		if e.Mode&special.bit == 0 {
			continue
		}
		if text[special.at] == 'x' {
			text[special.at] = special.with
		} else {
			text[special.at] = special.without
		}
	}
	return string(text)
}

func ownerName(name string, id uint32) string {
	if name != "" {
		return quoted(name)
	}
	return strconv.FormatUint(uint64(id), 10)
}

func entrySize(e *objects.Entry) string {
	switch e.Type {
	case objects.TypeFile:
		return size(e.Size)
	case objects.TypeDirectory:
		return size(e.Bytes)
	}
	return "-"
}

// entryJSON is one entry of a tree in JSON.
type entryJSON struct {
	jsonPath
	Type      string   `json:"type"`
	Mode      uint32   `json:"mode"`
	UID       uint32   `json:"uid"`
	GID       uint32   `json:"gid"`
	User      string   `json:"user,omitempty"`
	Group     string   `json:"group,omitempty"`
	Mtime     string   `json:"mtime"`
	Size      uint64   `json:"size"`
	Entries   uint64   `json:"entries,omitempty"`
	Target    string   `json:"target,omitempty"`
	Sparse    bool     `json:"sparse,omitempty"`
	LinkGroup uint64   `json:"link_group,omitempty"`
	Major     uint32   `json:"major,omitempty"`
	Minor     uint32   `json:"minor,omitempty"`
	Xattrs    []string `json:"xattrs,omitempty"`
}

func toEntryJSON(p string, e *objects.Entry) entryJSON {
	out := entryJSON{jsonPath: pathJSON(p), Type: strings.ReplaceAll(e.Type.String(), " ", "-"), Mode: e.Mode, UID: e.UID, GID: e.GID,
		User: e.User, Group: e.Group, Mtime: timeJSON(time.Unix(e.Mtime.Sec, int64(e.Mtime.Nsec)).UTC()), Size: e.Size,
		Entries: e.Entries, Target: e.Target, Sparse: e.Sparse, LinkGroup: e.LinkGroup, Major: e.Major, Minor: e.Minor}
	if e.IsDir() {
		out.Size = e.Bytes
	}
	for _, x := range e.Xattrs {
		out.Xattrs = append(out.Xattrs, x.Name)
	}
	return out
}
