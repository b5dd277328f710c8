package supervisor

import (
	"context"
	"fmt"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Document is the whole desired state, as GET and PUT /admin/v1/config show it.
type Document struct {
	// Instances are all entries. Those of a file can be seen here but changed
	// only there.
	Instances []Entry `json:"instances"`
	// Drained and Paused name the instances that are meant to be so.
	Drained []string `json:"drained"`
	Paused  []string `json:"paused"`
}

// Entry is one instance's entry.
type Entry struct {
	Instance  config.Instance
	ManagedBy Origin
}

// Desired returns the whole desired state and its entity tag.
func (s *Supervisor) Desired(ctx context.Context) (Document, string, error) {
	if err := s.lock(ctx); err != nil {
		return Document{}, "", err
	}
	defer s.unlock()
	doc := s.document(s.file, s.desired)
	return doc, s.tag(), nil
}

func (s *Supervisor) document(file config.Config, d desired) Document {
	doc := Document{Instances: []Entry{}}
	known := make(map[string]bool)
	for _, entry := range file.Instances {
		doc.Instances = append(doc.Instances, Entry{entry, FromFile})
		known[entry.Name] = true
	}
	for _, entry := range d.entries {
		doc.Instances = append(doc.Instances, Entry{entry, FromAPI})
		known[entry.Name] = true
	}
	// What was stopped stays so if the file has it again one day, but until
	// then there is nothing to show.
	only := func(names []string) []string {
		return slices.DeleteFunc(append([]string{}, names...), func(name string) bool { return !known[name] })
	}
	doc.Drained, doc.Paused = only(d.Drained), only(d.Paused)
	return doc
}

// tag changes whenever the file's entries or the API's decisions do.
func (s *Supervisor) tag() string {
	return fmt.Sprintf("%d-%s", s.revision, s.file.Hash())
}

// Apply makes a document the desired state and sets the difference in motion.
// The tag, if not empty, must be the current one, else it fails with
// [KindStale]. A dry run only returns the plan. Entries of a file must be there
// unchanged.
func (s *Supervisor) Apply(ctx context.Context, doc Document, tag string, dryRun bool) ([]Change, string, error) {
	if err := s.lock(ctx); err != nil {
		return nil, "", err
	}
	defer s.unlock()
	if tag != "" && tag != s.tag() {
		return nil, "", &Error{Kind: KindStale, Message: "the configuration changed since it was read; read it again and repeat the change"}
	}
	next, err := s.desiredOf(doc)
	if err != nil {
		return nil, "", err
	}
	t, err := s.resolve(s.file, next)
	if err != nil {
		return nil, "", refusal(err)
	}
	for _, list := range [][]string{next.Drained, next.Paused} {
		for _, name := range list {
			if _, known := t.specs[name]; !known {
				return nil, "", &Error{Kind: KindInvalid, Message: fmt.Sprintf("drained and paused name %q, which is no entry of instances", name)}
			}
		}
	}
	changes := s.plan(t, next)
	if dryRun {
		return changes, s.tag(), nil
	}
	if err := s.change(ctx, func(d *desired) { *d = next }); err != nil {
		return nil, "", err
	}
	s.apply(t, next, changes)
	return changes, s.tag(), nil
}

// desiredOf takes the API's part out of a document.
func (s *Supervisor) desiredOf(doc Document) (desired, error) {
	var d desired
	inFile := make(map[string]config.Instance, len(s.file.Instances))
	for _, entry := range s.file.Instances {
		inFile[entry.Name] = entry
	}
	for _, entry := range doc.Instances {
		was, ofFile := inFile[entry.Instance.Name]
		if !ofFile {
			d.entries = append(d.entries, entry.Instance)
			continue
		}
		delete(inFile, entry.Instance.Name)
		if config.InstanceHash(was) != config.InstanceHash(entry.Instance) {
			return d, &Error{Kind: KindConflict,
				Message: fmt.Sprintf("instance %q is managed by a configuration file: change it there", entry.Instance.Name)}
		}
	}
	for name := range inFile {
		return d, &Error{Kind: KindConflict,
			Message: fmt.Sprintf("instance %q is managed by a configuration file: it cannot be left out here; remove it there, or drain it", name)}
	}
	for _, name := range doc.Drained {
		setMember(&d.Drained, name, true)
	}
	for _, name := range doc.Paused {
		setMember(&d.Paused, name, true)
	}
	return d, nil
}
