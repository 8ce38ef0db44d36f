package refs

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"evault/internal/vfs"
)

const (
	headFile    = "HEAD"
	maxHeadFile = MaxRefName + 64
	headRef     = "ref: "
)

// SyncHead makes the file HEAD of the given .evault folder say what the log says. The file is a mirror for people and
// scripts; the log is the truth. It writes only if the file lags.
func (r *Refs) SyncHead(evault vfs.FS) error {
	head := r.View().Head
	if head.IsZero() {
		return nil
	}
	want := headText(head)
	data, err := readNamed(evault, headFile, maxHeadFile)
	if err == nil && string(data) == want {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !isContent(err) {
		return err
	}
	return vfs.Publish(evault, headFile, []byte(want), 0o600)
}

// headText is the content of HEAD: "ref: heads/main" or a commit in hexadecimal, and a newline.
func headText(h Head) string {
	if h.Branch != "" {
		return headRef + headsPrefix + h.Branch + "\n"
	}
	return h.Commit.String() + "\n"
}

// ReadHeadFile reads the mirror, for whoever cannot open the log. The error is fs.ErrNotExist or ErrDamaged.
func ReadHeadFile(evault vfs.FS) (Head, error) {
	data, err := readNamed(evault, headFile, maxHeadFile)
	if err != nil {
		return Head{}, err
	}
	h, err := parseHead(string(data))
	if err != nil {
		return Head{}, fmt.Errorf("%s: %w", headFile, err)
	}
	return h, nil
}

func parseHead(text string) (h Head, err error) {
	if branch, ok := strings.CutPrefix(text, headRef+headsPrefix); ok {
		h.Branch = strings.TrimSuffix(branch, "\n")
		err = ValidateRefName(headsPrefix + h.Branch)
	} else {
		err = parseHex(h.Commit[:], strings.TrimSuffix(text, "\n"))
	}
	if err != nil || headText(h) != text {
		return Head{}, fmt.Errorf("%w: neither a branch nor a commit", ErrDamaged)
	}
	return h, nil
}
