package commands

import (
	"encoding/json"
	"time"
	"unicode/utf8"
)

// schema begins every JSON document: "evault.status/1". The number grows when a field changes its meaning or goes away; new
// fields may come at any time.
type schema struct {
	Schema string `json:"schema"`
}

func schemaOf(verb string) schema { return schema{"evault." + verb + "/1"} }

// jsonPath is a path in JSON, which holds only Unicode: a path that is not UTF-8 is also there byte for byte.
type jsonPath struct {
	Path  string `json:"path"`
	Bytes []byte `json:"path_base64,omitempty"`
}

func pathJSON(p string) jsonPath {
	if utf8.ValidString(p) {
		return jsonPath{Path: p}
	}
	return jsonPath{p, []byte(p)}
}

func pathsJSON(list []string) []jsonPath {
	out := make([]jsonPath, len(list))
	for i, p := range list {
		out[i] = pathJSON(p)
	}
	return out
}

// timeJSON is a time as RFC 3339 with nanoseconds.
func timeJSON(t time.Time) string { return t.Format(time.RFC3339Nano) }

// emit prints one JSON document, on one line: what is a document is also a line of a stream.
func (a *app) emit(document any) error {
	enc := json.NewEncoder(a.out)
	enc.SetEscapeHTML(false)
	return enc.Encode(document)
}

// nonNil makes an empty list an empty list, and not null.
func nonNil[T any](list []T) []T {
	if list == nil {
		return []T{}
	}
	return list
}

// errorText is what an "error" field says: empty without an error.
func errorText(err error) string {
	if err == nil {
		return ""
	}
	return harmless(sentence(err))
}
