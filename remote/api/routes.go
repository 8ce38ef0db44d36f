package api

import (
	"net/http"
	"strings"

	"evault/keys"
	"evault/pack"
	"evault/refs"
	"evault/remote"
)

// prefix is what every path of the protocol begins with.
const prefix = "/v1/"

// route is one thing that can be asked.
type route struct {
	// name is what logs call it.
	name   string
	method string
	// path is what follows the prefix. {vault}, {pack}, {log}, {dir} and {file} stand for one element each.
	path string
	// need is what the peer must be allowed to do with the vault; zero: anything at all.
	need  remote.Permissions
	serve func(*exchange) error
}

// routes is everything that can be asked of a host, apart from /healthz.
var routes = []route{
	{"vaults", http.MethodGet, "vaults", 0, (*exchange).listVaults},
	{"info", http.MethodGet, "vaults/{vault}", 0, (*exchange).info},
	{"create", http.MethodPut, "vaults/{vault}", remote.Append, (*exchange).create},
	{"files", http.MethodGet, "vaults/{vault}/files", remote.Read, (*exchange).listFiles},
	{"file", http.MethodGet, "vaults/{vault}/files/{dir}/{file}", remote.Read, (*exchange).getFile},
	{"put file", http.MethodPut, "vaults/{vault}/files/{dir}/{file}", remote.Append, (*exchange).putFile},
	{"delete file", http.MethodDelete, "vaults/{vault}/files/{dir}/{file}", remote.Delete, (*exchange).deleteFile},
	{"packs", http.MethodGet, "vaults/{vault}/packs", remote.Read, (*exchange).listPacks},
	{"pack", http.MethodGet, "vaults/{vault}/packs/{pack}", remote.Read, (*exchange).getPack},
	{"has pack", http.MethodHead, "vaults/{vault}/packs/{pack}", remote.Read, (*exchange).headPack},
	{"put pack", http.MethodPut, "vaults/{vault}/packs/{pack}", remote.Append, (*exchange).putPack},
	{"delete pack", http.MethodDelete, "vaults/{vault}/packs/{pack}", remote.Delete, (*exchange).deletePack},
	{"check pack", http.MethodPost, "vaults/{vault}/packs/{pack}/check", remote.Append, (*exchange).checkPack},
	{"heads", http.MethodGet, "vaults/{vault}/heads", remote.Read, (*exchange).listHeads},
	{"records", http.MethodGet, "vaults/{vault}/logs/{log}", remote.Read, (*exchange).records},
	{"append", http.MethodPost, "vaults/{vault}/logs/{log}", remote.Append, (*exchange).append},
}

// target is what a request's path names.
type target struct {
	vault keys.VaultID
	pack  pack.Name
	log   refs.Tag
	file  string // "roster/3-<sha256>"
}

// find gives the route of a request and what its path names. A path has exactly one spelling: nothing in it is escaped,
// there is no empty element, and hashes are in lower-case hexadecimal.
func find(method, path string) (route, target, error) {
	rest, ok := strings.CutPrefix(path, prefix)
	if !ok || len(path) > 512 {
		return route{}, target{}, &statusError{http.StatusNotFound, "there is nothing of evault at this path"}
	}
	elements := strings.Split(rest, "/")
	var allow []string
	for _, r := range routes {
		pattern := strings.Split(r.path, "/")
		if !fits(pattern, elements) {
			continue
		}
		if r.method != method {
			allow = append(allow, r.method)
			continue
		}
		t, err := parseTarget(pattern, elements)
		return r, t, err
	}
	if allow != nil {
		return route{}, target{}, &methodError{allow}
	}
	return route{}, target{}, &statusError{http.StatusNotFound, "there is nothing of evault at this path"}
}

// methodError says which methods a path has.
type methodError struct{ allow []string }

func (e *methodError) Error() string {
	return "this path has only the methods " + strings.Join(e.allow, ", ")
}

// Unwrap gives it the status of a request with another method.
func (e *methodError) Unwrap() error { return &statusError{http.StatusMethodNotAllowed, e.Error()} }

func fits(pattern, elements []string) bool {
	if len(pattern) != len(elements) {
		return false
	}
	for i, p := range pattern {
		if p != elements[i] && !strings.HasPrefix(p, "{") {
			return false
		}
	}
	return true
}

// parseTarget reads the elements that a pattern leaves open.
func parseTarget(pattern, elements []string) (t target, err error) {
	for i, p := range pattern {
		e := elements[i]
		switch p {
		case "{vault}":
			t.vault, err = keys.ParseVaultID(e)
		case "{pack}":
			t.pack, err = pack.ParseName(e)
		case "{log}":
			t.log, err = refs.ParseTag(e)
		case "{dir}":
			t.file = e
		case "{file}":
			t.file += "/" + e
			_, err = remote.CheckFileName(t.file)
		}
		if err != nil {
			return target{}, &statusError{http.StatusBadRequest, clean(err.Error(), maxText)}
		}
	}
	if t.vault.IsZero() && len(pattern) > 1 {
		return target{}, &statusError{http.StatusBadRequest, "no vault has the ID of zeros"}
	}
	return t, nil
}

// vaultPath is the path of a vault, with what follows it.
func vaultPath(v keys.VaultID, rest string) string {
	return prefix + "vaults/" + v.String() + rest
}

func packPath(v keys.VaultID, name pack.Name) string { return vaultPath(v, "/packs/"+name.String()) }
