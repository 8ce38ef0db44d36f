package transport

import (
	"context"
	"testing"

	"evault/keys"
	"evault/remote"
	"evault/remote/storetest"
)

// TestStoreOverTLS runs the conformance suite over TLS on a loopback port.
func TestStoreOverTLS(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		l := listen(t)
		serveTLS(t, l, device(t, 0).TLSKey(), func(d keys.DeviceID) bool { return d == device(t, 1).DeviceID() }, memory(t))
		site, err := Open(t.Context(), urlOf(l, device(t, 0).DeviceID()), Options{Identity: device(t, 1)})
		if err != nil {
			t.Fatal(err)
		}
		return site, testVault
	})
}

// TestStoreOverPipe runs the conformance suite over HTTP/2 through a pipe in memory.
func TestStoreOverPipe(t *testing.T) {
	storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
		client, server := twoPipes()
		served := make(chan error, 1)
		go func() { served <- ServePipe(context.Background(), server, memory(t)) }()
		site, err := overPipe(t.Context(), client)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if err := soon(t, served); err != nil {
				t.Errorf("the host ended with %v", err)
			}
		})
		// The suite closes the site last of all, so the host's end is looked at after that.
		return site, testVault
	})
}

// TestStoreInFolder runs the conformance suite on a folder that is there, and on one that is not there yet.
func TestStoreInFolder(t *testing.T) {
	for name, dir := range map[string]string{"there": "", "not there yet": "/vaults"} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
				u := remote.URL{Scheme: remote.SchemeFile, Path: t.TempDir() + dir}
				site, err := Open(t.Context(), u, Options{})
				if err != nil {
					t.Fatal(err)
				}
				return site, testVault
			})
		})
	}
}
