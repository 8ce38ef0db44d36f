//go:build unix

package vfs

// isPlatformComponent: unix systems reserve nothing but the slash and NUL.
func isPlatformComponent(string) bool { return true }
