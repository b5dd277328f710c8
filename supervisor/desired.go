package supervisor

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// desired is what the admin API decided, as it is persisted: the entries it
// added, and which instances of any origin it stopped or paused.
type desired struct {
	Added   []json.RawMessage `json:"instances"`
	Drained []string          `json:"drained"`
	Paused  []string          `json:"paused"`

	entries []config.Instance // Added, parsed
}

func parseDesired(document []byte) (desired, error) {
	var d desired
	if len(document) == 0 {
		return d, nil
	}
	if err := json.Unmarshal(document, &d); err != nil {
		return d, fmt.Errorf("reading the desired state: %w", err)
	}
	for _, raw := range d.Added {
		entry, err := config.ParseInstance(raw)
		if err != nil {
			return d, fmt.Errorf("reading the desired state: %w", err)
		}
		d.entries = append(d.entries, entry)
	}
	return d, nil
}

func (d desired) encode() ([]byte, error) {
	d.Added = make([]json.RawMessage, 0, len(d.entries))
	for _, entry := range d.entries {
		raw, err := config.EncodeInstance(entry)
		if err != nil {
			return nil, err
		}
		d.Added = append(d.Added, raw)
	}
	return json.Marshal(d)
}

func (d desired) clone() desired {
	return desired{
		entries: slices.Clone(d.entries), Drained: slices.Clone(d.Drained), Paused: slices.Clone(d.Paused),
	}
}

func (d *desired) entry(name string) *config.Instance {
	for i := range d.entries {
		if d.entries[i].Name == name {
			return &d.entries[i]
		}
	}
	return nil
}

// forget drops all that is known of a name.
func (d *desired) forget(name string) {
	d.entries = slices.DeleteFunc(d.entries, func(e config.Instance) bool { return e.Name == name })
	setMember(&d.Drained, name, false)
	setMember(&d.Paused, name, false)
}

// setMember puts a name into a sorted list or takes it out.
func setMember(list *[]string, name string, in bool) {
	at, found := slices.BinarySearch(*list, name)
	switch {
	case in && !found:
		*list = slices.Insert(*list, at, name)
	case !in && found:
		*list = slices.Delete(*list, at, at+1)
	}
}

func (d *desired) wantOf(name string) want {
	if _, drained := slices.BinarySearch(d.Drained, name); drained {
		return wantStopped
	}
	return wantRunning
}

func (d *desired) pausedOf(name string) bool {
	_, paused := slices.BinarySearch(d.Paused, name)
	return paused
}

// change applies fn to a copy of the desired state, persists it, and takes it
// over. The caller holds the change lock.
func (s *Supervisor) change(ctx context.Context, fn func(*desired)) error {
	next := s.desired.clone()
	fn(&next)
	document, err := next.encode()
	if err != nil {
		return err
	}
	revision, err := s.store.Save(ctx, document, s.revision)
	if err != nil {
		return &storageError{fmt.Errorf("saving the desired state: %w", err)}
	}
	s.desired, s.revision = next, revision
	return nil
}
