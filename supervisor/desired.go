package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

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
	// An empty list is written in one way, so that equal states are equal bytes.
	d.Drained, d.Paused = append([]string{}, d.Drained...), append([]string{}, d.Paused...)
	return json.Marshal(d)
}

func (d desired) clone() desired {
	return desired{
		entries: slices.Clone(d.entries), Drained: slices.Clone(d.Drained), Paused: slices.Clone(d.Paused),
	}
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

// saveTimeout bounds one access to the place of the desired state: everybody
// who wants to change something waits meanwhile.
const saveTimeout = 5 * time.Second

// change applies fn to a copy of the desired state, persists it, and takes it
// over. What changes nothing is not persisted, and so leaves the entity tag as
// it is. The caller holds the change lock.
func (s *Supervisor) change(ctx context.Context, fn func(*desired)) error {
	next := s.desired.clone()
	fn(&next)
	document, err := next.encode()
	if err != nil {
		return err
	}
	if now, err := s.desired.encode(); err == nil && bytes.Equal(now, document) {
		return nil
	}
	saving, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	revision, err := s.store.Save(saving, document, s.revision)
	if err == nil {
		s.desired, s.revision = next, revision
		return nil
	}
	failed := &Error{Kind: KindUnavailable, Message: fmt.Sprintf("saving the desired state: %v", err)}
	if ctx.Err() != nil {
		failed.Message = "saving the desired state: " + ctx.Err().Error()
	}
	// It may have been saved all the same, or changed by another supervisor.
	found, at, err := s.readDesired(context.WithoutCancel(ctx))
	if err != nil || at == s.revision {
		return failed
	}
	if saved, err := found.encode(); err == nil && bytes.Equal(saved, document) {
		s.desired, s.revision = found, at
		return nil
	}
	if err := s.adopt(found, at); err != nil {
		return err
	}
	return &Error{Kind: KindConflict, Message: "another supervisor changed the desired state meanwhile; look at it again and repeat the change"}
}

// readDesired reads the desired state as it is persisted.
func (s *Supervisor) readDesired(ctx context.Context) (desired, int64, error) {
	ctx, cancel := context.WithTimeout(ctx, saveTimeout)
	defer cancel()
	document, revision, err := s.store.Load(ctx)
	if err != nil {
		return desired{}, 0, err
	}
	d, err := parseDesired(document)
	return d, revision, err
}

// adopt takes over a desired state that another supervisor has persisted, and
// makes the instances so. The caller holds the change lock.
func (s *Supervisor) adopt(d desired, revision int64) error {
	t, err := s.resolve(s.file, d)
	if err != nil {
		return fmt.Errorf("what another supervisor wants conflicts with this one's configuration: %w", err)
	}
	s.desired, s.revision = d, revision
	s.apply(t, d, s.plan(t, d))
	return nil
}

// followPause is how often a supervisor that others stand by for, or that
// stands by itself, looks for what they decided.
const followPause = 5 * time.Second

// followDesired adopts what other supervisors decide until ctx ends.
func (s *Supervisor) followDesired(ctx context.Context) {
	ticker := time.NewTicker(followPause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := s.syncDesired(ctx); err != nil && ctx.Err() == nil {
			s.opts.Logger.Warn("reading what other supervisors decided", "error", err)
		}
	}
}

func (s *Supervisor) syncDesired(ctx context.Context) error {
	if err := s.lock(ctx); err != nil {
		return err
	}
	defer s.unlock()
	d, revision, err := s.readDesired(ctx)
	if err != nil || revision == s.revision {
		return err
	}
	return s.adopt(d, revision)
}
