package refs

import (
	"fmt"
	"strings"
)

// ValidateRefName checks a full ref name ("heads/main", "tags/v1") by the rules of git-check-ref-format(1): at least one
// slash; no component empty, beginning with a dot or ending with ".lock"; no "..", no "@{"; no control character, space or
// any of ~ ^ : ? * [ \; not ending with a dot or slash; and at most MaxRefName bytes. The error is ErrName.
func ValidateRefName(name string) error {
	if why := refNameFault(name); why != "" {
		return fmt.Errorf("%w: %.300q %s", ErrName, name, why)
	}
	return nil
}

// ValidateBranchName checks the name of a branch without "heads/" in front. Besides what ValidateRefName says, it must not
// begin with "-" and must not be HEAD, as in git.
func ValidateBranchName(branch string) error {
	if strings.HasPrefix(branch, "-") || branch == "HEAD" {
		return fmt.Errorf("%w: a branch cannot be called %.300q", ErrName, branch)
	}
	return ValidateRefName(headsPrefix + branch)
}

// ValidateTagName checks the name of a tag without "tags/" in front. Besides what ValidateRefName says, it must mean nothing
// else as a revision: not begin with "-" or with the beginning of a full ref name ("heads/", "tags/", "remotes/", "refs/"), not
// be HEAD or @, and not look like the beginning of an ID: 8 to 64 hexadecimal digits. The error is ErrName.
func ValidateTagName(tag string) error {
	if why := tagNameFault(tag); why != "" {
		return fmt.Errorf("%w: a tag cannot be called %.300q: it %s", ErrName, tag, why)
	}
	return ValidateRefName("tags/" + tag)
}

func tagNameFault(tag string) string {
	switch {
	case strings.HasPrefix(tag, "-"):
		return "would be taken for a flag"
	case tag == "HEAD" || tag == "@":
		return "means where the work tree is"
	case len(tag) >= 8 && len(tag) <= 64 && strings.Trim(tag, "0123456789abcdef") == "":
		return "would be taken for the beginning of an ID"
	}
	for _, prefix := range []string{headsPrefix, "tags/", "remotes/", "refs/"} {
		if strings.HasPrefix(tag, prefix) {
			return "begins like the full name of a ref"
		}
	}
	return ""
}

// headsPrefix begins the full name of every branch.
const headsPrefix = "heads/"

func refNameFault(name string) string {
	switch {
	case len(name) > MaxRefName:
		return fmt.Sprintf("is longer than %d bytes", MaxRefName)
	case !strings.Contains(name, "/"):
		return "has no slash"
	case strings.HasSuffix(name, "."):
		return "ends with a dot"
	case strings.Contains(name, ".."):
		return `has ".." in it`
	case strings.Contains(name, "@{"):
		return `has "@{" in it`
	}
	for i := range len(name) {
		if c := name[i]; c <= ' ' || c == 0x7f || strings.IndexByte(`~^:?*[\`, c) >= 0 {
			return fmt.Sprintf("has the byte %q in it", c)
		}
	}
	for part := range strings.SplitSeq(name, "/") {
		if why := componentFault(part); why != "" {
			return why
		}
	}
	return ""
}

func componentFault(part string) string {
	switch {
	case part == "":
		return "has an empty component"
	case part[0] == '.':
		return "has a component that begins with a dot"
	case strings.HasSuffix(part, ".lock"):
		return `has a component that ends with ".lock"`
	}
	return ""
}
