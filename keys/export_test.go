package keys

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strings"
)

// SlotNameOf names a slot's file by its content.
func SlotNameOf(data []byte) string { return slotName(slotDir, sha256.Sum256(data)) }

// RenameByContent gives a file the name that fits other content.
func RenameByContent(name string, data []byte) string {
	if strings.HasSuffix(name, slotExtension) {
		return slotName(path.Dir(name), sha256.Sum256(data))
	}
	n, _, _ := parseContentName(path.Base(name))
	return fmt.Sprintf("%s/%d-%x", path.Dir(name), n, sha256.Sum256(data))
}

// AddCheapRecoveryWords is AddRecoveryWordsSlot with little scrypt work.
func AddCheapRecoveryWords(v *Vault, work int) (string, ChangeSet, error) {
	return v.addRecoveryWords(work)
}
