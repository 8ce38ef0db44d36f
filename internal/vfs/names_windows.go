package vfs

import (
	"path/filepath"
	"strings"
)

// isPlatformComponent refuses what Windows would not take as one plain name: separators, streams, device names,
// trailing dots and spaces.
func isPlatformComponent(name string) bool {
	return !strings.ContainsAny(name, `\:`) && filepath.IsLocal(name)
}
