package commands

import (
	"context"
	"encoding/hex"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"evault/objects"
	"evault/repo"
)

type tagJSON struct {
	schema
	Name      string      `json:"name"`
	ID        string      `json:"id,omitempty"`
	Commit    string      `json:"commit,omitempty"`
	Annotated bool        `json:"annotated"`
	Tagger    string      `json:"tagger,omitempty"`
	Time      string      `json:"time,omitempty"`
	Message   string      `json:"message,omitempty"`
	Signer    *signerJSON `json:"signer,omitempty"`
	Action    string      `json:"action,omitempty"` // "created", "deleted"
	Error     string      `json:"error,omitempty"`
}

// signerJSON is the device that has signed something.
type signerJSON struct {
	Label  string `json:"label"`
	Role   string `json:"role"`
	State  string `json:"state"`
	Device string `json:"device"`
	Key    string `json:"key"`
	This   bool   `json:"this"`
}

func tagDocument(t *repo.TagInfo, action string) tagJSON {
	out := tagJSON{schema: schemaOf("tag"), Name: t.Name, ID: idJSON(t.ID), Commit: idJSON(t.Commit), Annotated: t.Tag != nil,
		Message: t.Message, Action: action, Error: errorText(t.Err)}
	if !t.Time.IsZero() {
		out.Time = timeJSON(t.Time)
	}
	if t.Tag != nil {
		out.Tagger = t.Tag.Tagger
	}
	if d := t.Signer; d != nil {
		out.Signer = &signerJSON{d.Label, d.Role.String(), string(d.State), d.Device.String(), hex.EncodeToString(d.Key[:]), d.This}
	}
	return out
}

func (a *app) listTags(cmd *cobra.Command, v *openVault, o tagOptions, patterns []string) error {
	request := repo.TagListOptions{Patterns: patterns}
	key, backwards := strings.CutPrefix(o.sort, "-")
	request.Reverse = backwards
	switch key {
	case "name", "refname":
	case "time", "creatordate", "taggerdate":
		request.ByTime = true
	default:
		return usagef(cmd, "--sort %q: the keys are name and time", o.sort)
	}
	list, err := v.Tags(cmd.Context(), request)
	if err != nil {
		return err
	}
	var failed []error
	for i := range list {
		t := &list[i]
		if t.Err != nil {
			a.note("%s", t.Err)
			failed = append(failed, t.Err)
		}
		if a.flags.json {
			if err := a.emit(tagDocument(t, "")); err != nil {
				return err
			}
			continue
		}
		a.printTag(t, o.lines)
	}
	return errors.Join(failed...)
}

// printTag prints a tag as git does: alone, or with so many lines of its message.
func (a *app) printTag(t *repo.TagInfo, lines int) {
	if lines <= 0 {
		a.printf("%s", quoted(t.Name))
		if a.flags.verbose {
			a.printf("  %s  %s  %s", shortOrNone(t.Commit), a.local(t.Time).Format(shortTime), harmless(t.Subject))
		}
		a.printf("\n")
		return
	}
	text := strings.Split(strings.TrimSpace(t.Message), "\n")
	a.printf("%-15s %s\n", quoted(t.Name), harmless(text[0]))
	for _, line := range text[1:min(lines, len(text))] {
		a.printf("%s\n", strings.TrimRight("    "+harmless(line), " "))
	}
}

// verifyTags says of each tag who has signed it. One that nobody has signed is no error of the vault, and proves nothing.
func (a *app) verifyTags(ctx context.Context, v *openVault, names []string) error {
	unsigned := false
	for _, name := range names {
		t, err := v.Tag(ctx, name)
		if err != nil {
			return err
		}
		unsigned = unsigned || t.Tag == nil
		if a.flags.json {
			if err := a.emit(tagDocument(t, "")); err != nil {
				return err
			}
			continue
		}
		if t.Tag == nil {
			a.note("tag %s is lightweight, so nobody has signed it: it only names commit %s", t.Name, t.Commit.Short())
			continue
		}
		for _, line := range a.tagLines(t) {
			a.printf("%s\n", line)
		}
	}
	if unsigned {
		return reported(exitFailed)
	}
	return nil
}

// tagLines show a signed tag as a commit is shown.
func (a *app) tagLines(t *repo.TagInfo) []string {
	lines := []string{a.paint(yellow, "tag "+quoted(t.Name)), "Commit: " + t.Commit.String()}
	if t.Tag.Tagger != "" {
		lines = append(lines, "Tagger: "+harmless(t.Tag.Tagger))
	}
	lines = append(lines, "Date:   "+a.local(t.Time).Format(longTime), "Signed: "+signerWords(t.Signer, t.Tag), "")
	for line := range strings.SplitSeq(strings.TrimRight(t.Message, "\n"), "\n") {
		lines = append(lines, strings.TrimRight("    "+harmless(line), " "))
	}
	return lines
}

// signerWords say whose a good signature is.
func signerWords(d *repo.DeviceInfo, t *objects.Tag) string {
	if d == nil {
		return "by key " + hex.EncodeToString(t.Device[:8])
	}
	text := "by " + quoted(d.Label) + " (" + shortDevice(d.Device) + "), " + d.Role.String()
	switch {
	case d.This:
		return text + ", this device"
	case d.State == repo.DeviceRemoved:
		return text + ", removed since"
	case d.State == repo.DeviceLeftOut:
		return text + ", no member any more"
	}
	return text + ", member"
}
