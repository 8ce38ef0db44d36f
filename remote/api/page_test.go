package api

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strconv"
	"strings"
	"testing"

	"evault/refs"
	"evault/remote"
)

// TestPage shows that docs/protocol.md says of every route and every error what the code does.
func TestPage(t *testing.T) {
	data, err := os.ReadFile("../../docs/protocol.md")
	must(t, err)
	page := string(data)
	for _, r := range routes {
		path := strings.NewReplacer("{vault}", "{v}", "{pack}", "{p}", "{log}", "{t}").Replace(r.path)
		if r.name == "records" {
			path += "?from=N"
		}
		need := r.need.String()
		switch {
		case r.name == "vaults":
			need = ""
		case r.need == 0:
			need = "any"
		}
		if row := strings.TrimRight(fmt.Sprintf("| `%s %s%s` | %s", r.method, prefix, path, need), " ") + " |"; !strings.Contains(page, row) {
			t.Errorf("no row %s", row)
		}
	}
	for _, k := range kinds {
		tell := k.err
		if k.tell != nil {
			tell = k.tell
		}
		if row := fmt.Sprintf("| `%s` | %d", k.code, k.status); !strings.Contains(page, row) {
			t.Errorf("no row %s for %v", row, tell)
		}
	}
	sample, err := hex.DecodeString("02" + strings.Repeat("aa", 32) + "03" + strings.Repeat("bb", 32) + "ac02")
	must(t, err)
	packs, err := decodeList(packList(), sample)
	if err != nil || len(packs) != 2 || packs[0] != (refs.Pack{Name: [32]byte(bytes.Repeat([]byte{0xaa}, 32)), Size: 3}) || packs[1].Size != 300 {
		t.Errorf("the example: %v, %v", packs, err)
	}
	for what, n := range map[string]int{"| vaults | 65,536": maxVaults, "| files | 8,192": remote.MaxFiles, "| heads | 4,096": refs.MaxLogs} {
		digits := strings.ReplaceAll(what[strings.LastIndex(what, " ")+1:], ",", "")
		if digits != strconv.Itoa(n) || !strings.Contains(page, what) {
			t.Errorf("%s: the code says %d", what, n)
		}
	}
}
