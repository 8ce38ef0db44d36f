package api

import (
	"context"
	"net/http"
	"testing"

	"evault/internal/vfs/memfs"
	"evault/keys"
	"evault/remote"
	"evault/remote/folder"
	"evault/remote/storetest"
)

// inFolder is a backend of one vault in a folder, with one store for all requests.
type inFolder struct {
	vault keys.VaultID
	store *folder.Store
}

func (b inFolder) Vaults(ctx context.Context, _ Peer) ([]keys.VaultID, error) {
	if _, err := b.store.Info(ctx); err != nil {
		return nil, nil // no store yet
	}
	return []keys.VaultID{b.vault}, nil
}

func (b inFolder) Open(_ context.Context, _ Peer, vault keys.VaultID) (remote.Store, remote.Permissions, error) {
	if vault != b.vault {
		return nil, 0, remote.ErrRefused
	}
	return kept{b.store}, remote.Read | remote.Append | remote.Delete, nil
}

// kept is a store that stays open.
type kept struct{ remote.Store }

func (kept) Close() error { return nil }

// TestConformance runs the suite of all stores through client and handler, over both versions of HTTP.
func TestConformance(t *testing.T) {
	for name, two := range map[string]bool{"HTTP 1.1": false, "HTTP 2": true} {
		t.Run(name, func(t *testing.T) {
			storetest.Run(t, func(t *testing.T) (remote.Site, keys.VaultID) {
				vault := keys.VaultID{42}
				store, err := folder.Open(memfs.New(memfs.Options{}), folder.Options{Vault: vault})
				must(t, err)
				g := newRig(t, func(h *HandlerOptions, c *ClientOptions) {
					h.Backend = inFolder{vault, store}
					if two {
						c.HTTP.Transport.(*http.Transport).Protocols = prior()
					}
				})
				return g.site, vault
			})
		})
	}
}

// prior is HTTP/2 without being asked for, as over a pipe.
func prior() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}
