package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// managedBy is the member of an entry that says where it comes from.
const managedBy = "managed_by"

// documentEntry is an entry as the document shows it. Passwords hide themselves.
type documentEntry struct {
	config.Instance
	ManagedBy supervisor.Origin `json:"managed_by,omitempty" doc:"Where the entry comes from; not needed, and of no effect, in a request." enum:"file,api"`
}

// document is the whole desired state as it is shown.
type document struct {
	Instances []documentEntry `json:"instances" doc:"All entries. Those of a file must be there, and as they are: they change only there."`
	Drained   []string        `json:"drained,omitempty" doc:"Instances that are meant to be stopped."`
	Paused    []string        `json:"paused,omitempty" doc:"Instances that are meant to be paused."`
}

func documentOf(d supervisor.Document) document {
	out := document{Instances: make([]documentEntry, len(d.Instances)), Drained: d.Drained, Paused: d.Paused}
	for i, entry := range d.Instances {
		out.Instances[i] = documentEntry{entry.Instance, entry.ManagedBy}
	}
	return out
}

// MarshalJSON writes lists that are empty, too: who edits the document sees
// that they are there.
func (d document) MarshalJSON() ([]byte, error) {
	return json.Marshal(struct {
		Instances []documentEntry `json:"instances"`
		Drained   []string        `json:"drained"`
		Paused    []string        `json:"paused"`
	}{d.Instances, d.Drained, d.Paused})
}

var documentFields = strictjson.FieldsOf(document{})

// parseDocument reads a document. Mistakes in entries are found all at once.
func parseDocument(data []byte) (supervisor.Document, error) {
	d := supervisor.Document{Instances: []supervisor.Entry{}, Drained: []string{}, Paused: []string{}}
	var found config.Problems
	_, err := strictjson.Object(data, documentFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "instances":
			return v.Array(func(i int, element []byte) error {
				entry, err := parseEntry(element)
				if p, ok := errors.AsType[*config.Problems](err); ok {
					found.List = append(found.List, under(fmt.Sprintf("instances[%d]", i), p.List)...)
					found.Omitted += p.Omitted
					return nil
				}
				d.Instances = append(d.Instances, supervisor.Entry{Instance: entry})
				return err
			})
		case "drained":
			d.Drained, err = names(name, v)
		case "paused":
			d.Paused, err = names(name, v)
		}
		return err
	})
	if err == nil && len(found.List) > 0 {
		err = &found
	}
	return d, err
}

// parseEntry reads an entry, which may say by whom it is managed.
func parseEntry(data []byte) (config.Instance, error) {
	plain, err := without(data, managedBy)
	if err != nil {
		return config.Instance{}, err
	}
	return config.ParseInstance(plain)
}

// without returns an object, of which it is known to be JSON, without one
// member. Whatever else is wrong with it stays, for others to find.
func without(data []byte, member string) ([]byte, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	if token, err := d.Token(); err != nil || token != json.Delim('{') {
		return data, nil //nolint:nilerr // who reads it says what it must be
	}
	out := []byte{'{'}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if key == member {
			continue
		}
		if len(out) > 1 {
			out = append(out, ',')
		}
		quoted, err := json.Marshal(key)
		if err != nil {
			return nil, err
		}
		out = append(append(append(out, quoted...), ':'), value...)
	}
	return append(out, '}'), nil
}

// under puts a path before the keys of problems.
func under(path string, list []config.Problem) []config.Problem {
	out := make([]config.Problem, len(list))
	for i, p := range list {
		if p.Key == "" {
			p.Key = path
		} else {
			p.Key = path + "." + p.Key
		}
		out[i] = p
	}
	return out
}

func names(field string, v strictjson.Value) ([]string, error) {
	list := []string{}
	err := v.Array(func(i int, element []byte) error {
		var name string
		if err := json.Unmarshal(element, &name); err != nil || element[0] != '"' {
			return problem.Invalid(fmt.Sprintf("%s[%d]", field, i), "must be the name of an instance")
		}
		list = append(list, name)
		return nil
	})
	return list, err
}

// withSecretsOf gives entries their passwords back where they read as they were
// shown.
func withSecretsOf(d, current supervisor.Document) supervisor.Document {
	list := func(d supervisor.Document) config.Config {
		var c config.Config
		for _, entry := range d.Instances {
			c.Instances = append(c.Instances, entry.Instance)
		}
		return c
	}
	restored := list(d).WithSecretsOf(list(current)).Instances
	d.Instances = make([]supervisor.Entry, len(restored))
	for i := range restored {
		d.Instances[i] = supervisor.Entry{Instance: restored[i]}
	}
	return d
}
