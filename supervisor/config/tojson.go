package config

import (
	"bytes"
	"encoding/json"
)

// ToJSON turns a document in YAML, or in JSON, which is YAML as well, into JSON
// for [ParseInstance] and [ParseConfig], here or at a server. Numbers keep the
// text that was written, so amounts stay exact. File is for messages. The error
// is a [*Problems].
func ToJSON(data []byte, file string) ([]byte, error) {
	var r report
	root := parseYAML(data, file, &r)
	if err := r.err(); err != nil {
		return nil, err
	}
	value, err := plain(root)
	if err == nil {
		var out bytes.Buffer
		e := json.NewEncoder(&out)
		e.SetEscapeHTML(false)
		if err = e.Encode(value); err == nil {
			return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
		}
	}
	return nil, &Problems{List: []Problem{{File: file, Message: err.Error()}}}
}
