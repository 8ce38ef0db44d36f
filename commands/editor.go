package commands

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"evault/internal/vfs"
	"evault/objects"
	"evault/repo"
)

// messageName is the file that an editor is given, in the part of .evault that is never replicated. It is removed afterwards.
const messageName = "local/COMMIT_EDITMSG"

const messageHelp = `
# Describe the commit in the lines above; lines that begin with "#" do not count.
# An empty message ends the commit.
#
`

// editMessage lets the user write a message, with a start to change and a summary to look at.
func (a *app) editMessage(ctx context.Context, v *openVault, start, summary string) (string, error) {
	text := start + messageHelp
	for line := range strings.SplitSeq(strings.TrimRight(summary, "\n"), "\n") {
		text += "# " + line + "\n"
	}
	message, err := a.editText(ctx, v, text)
	if err == nil && message == "" {
		return "", errors.New("the message is empty, so nothing was committed")
	}
	return message, err
}

// editText lets the user change a text and gives what is left of it without comments.
func (a *app) editText(ctx context.Context, v *openVault, text string) (edited string, err error) {
	if err := vfs.Publish(v.places.Vault, messageName, []byte(text), 0o600); err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, v.places.Vault.Remove(messageName)) }()
	if err := a.runEditor(ctx, filepath.Join(v.root, repo.VaultDir, filepath.FromSlash(messageName))); err != nil {
		return "", err
	}
	f, err := v.places.Vault.OpenHandle(messageName, os.O_RDONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if edited, err = readLimited(f, 2*objects.MaxMessage); err != nil {
		return "", err
	}
	return cleanMessage(edited), nil
}

func (a *app) runEditor(ctx context.Context, file string) error {
	line := a.editorCommand()
	a.screen.clear()
	defer a.interrupts.hold()()
	cmd := shell(ctx, line, file)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = a.env.Stdin, a.env.Stdout, a.env.Stderr
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return fmt.Errorf("editor %q: %w", line, err)
	}
	return nil
}

func (a *app) editorCommand() string {
	if v := a.getenv("EVAULT_EDITOR"); v != "" {
		return v
	}
	if c := a.userConfig(); c.Core.Editor != "" {
		return c.Core.Editor
	}
	for _, name := range []string{"VISUAL", "EDITOR"} {
		if v := a.getenv(name); v != "" {
			return v
		}
	}
	if runtime.GOOS == "windows" {
		return "notepad"
	}
	return "vi"
}

// cleanMessage takes out comments, blanks at the ends of lines, and empty lines at both ends and beyond one in a row.
func cleanMessage(text string) string {
	var out []string
	for line := range strings.SplitSeq(strings.ReplaceAll(text, "\r\n", "\n"), "\n") {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line = strings.TrimRight(line, " \t")
		if line == "" && (len(out) == 0 || out[len(out)-1] == "") {
			continue
		}
		out = append(out, line)
	}
	return strings.TrimRight(strings.Join(out, "\n"), "\n")
}

// readLimited reads everything up to a limit that must not be passed.
func readLimited(r io.Reader, limit int64) (string, error) {
	data, err := io.ReadAll(io.LimitReader(r, limit+1))
	if err != nil {
		return "", err
	}
	if int64(len(data)) > limit {
		return "", fmt.Errorf("longer than %d bytes", limit)
	}
	return string(data), nil
}
