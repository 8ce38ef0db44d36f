package api

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"

	"evault/keys"
	"evault/remote"
)

// infoBody is what a host says about itself and a vault.
type infoBody struct {
	Vault       string `json:"vault"`
	Store       string `json:"store,omitempty"`
	Permissions string `json:"permissions"`
	Quota       uint64 `json:"quota,omitempty"`
	Used        uint64 `json:"used,omitempty"`
	Software    string `json:"software,omitempty"`
}

// maxInfo is the greatest size in bytes of what a host says about itself.
const maxInfo = 16 << 10

// readInfo reads what a host says about itself and checks that it is about this vault.
func (s *store) readInfo(data []byte) (remote.Info, error) {
	info, err := decodeInfo(data)
	if err != nil {
		return remote.Info{}, s.site.malformed(err)
	}
	if info.Vault != s.vault {
		return remote.Info{}, fmt.Errorf("%s: %w: %v", s.site.o.Name, remote.ErrOtherVault, info.Vault)
	}
	return info, nil
}

// decodeInfo reads the document.
func decodeInfo(data []byte) (info remote.Info, err error) {
	var b infoBody
	if err := json.Unmarshal(data, &b); err != nil {
		return info, err
	}
	if info.Vault, err = keys.ParseVaultID(b.Vault); err != nil {
		return remote.Info{}, err
	}
	if b.Store != "" {
		if len(b.Store) != 2*len(info.Store) {
			return remote.Info{}, errors.New("the ID of the store has another length")
		}
		if _, err := hex.Decode(info.Store[:], []byte(b.Store)); err != nil || info.Store.String() != b.Store {
			return remote.Info{}, errors.New("the ID of the store is not lower-case hexadecimal")
		}
	}
	if info.Permissions, err = remote.ParsePermissions(b.Permissions); err != nil {
		return remote.Info{}, errors.New("unknown permissions")
	}
	info.Quota, info.Used, info.Software = b.Quota, b.Used, clean(b.Software, maxSoftware)
	return info, nil
}
