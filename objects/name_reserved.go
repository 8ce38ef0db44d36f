package objects

import (
	"strings"
	"unicode/utf8"
)

// ValidateNameOnWindows reports whether a file of that name can be made on Windows:
// besides ValidateName, no control character, none of <>:"\|?*, no trailing dot or
// space, not a device (CON, NUL, COM1, ..., with any extension), and valid UTF-8, since
// Windows names are UTF-16 and other bytes would come back changed. It works on every
// system. The error is a *NameError. See "Naming Files, Paths, and Namespaces" in
// Microsoft's documentation of the Win32 API.
func ValidateNameOnWindows(name string) error {
	if err := ValidateName(name); err != nil {
		return err
	}
	switch {
	case !utf8.ValidString(name):
		return &NameError{name, "is not UTF-8, which Windows needs"}
	case hasControl(name) || strings.ContainsAny(name, `<>:"\|?*`):
		return &NameError{name, "has a character that Windows reserves"}
	case strings.HasSuffix(name, ".") || strings.HasSuffix(name, " "):
		return &NameError{name, "ends with a dot or a space, which Windows drops"}
	case isWindowsDevice(name):
		return &NameError{name, "is a device on Windows"}
	}
	return nil
}

// isWindowsDevice reports whether Windows takes name for a device: what counts is
// the part before the first dot, without trailing spaces.
func isWindowsDevice(name string) bool {
	base, _, _ := strings.Cut(name, ".")
	base = strings.ToUpper(strings.TrimRight(base, " "))
	switch base {
	case "CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$", "CLOCK$":
		return true
	}
	digit, isPort := strings.CutPrefix(base, "COM")
	if !isPort {
		digit, isPort = strings.CutPrefix(base, "LPT")
	}
	// Superscript digits count as digits here.
	return isPort && (len(digit) == 1 && digit[0] >= '0' && digit[0] <= '9' ||
		digit == "¹" || digit == "²" || digit == "³")
}
