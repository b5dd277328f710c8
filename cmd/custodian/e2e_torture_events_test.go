//go:build integration

package main_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// event is what the checks need of an event.
type event struct {
	Sequence uint64
	Type     string
	Hash     string
	Data     json.RawMessage
}

// digest is where an instance's journal is.
type digest struct {
	Sequence uint64
	Hash     string
	Now      time.Time
}

func (v *victim) state(i instance) digest { return stateOf(v.s, i) }

func stateOf(s *supervised, i instance) (d digest) {
	s.t.Helper()
	s.call(http.MethodGet, i.url("/debug/state"), nil, http.StatusOK, &d)
	return d
}

func (v *victim) events(i instance, after uint64) ([]event, error) { return eventsOf(v.s, i, after) }

func eventsOf(s *supervised, i instance, after uint64) ([]event, error) {
	var page struct{ Events []event }
	status, body, err := s.try(http.MethodGet, i.url(fmt.Sprintf("/api/v1/events?limit=1000&after=%d", after)), nil)
	if err == nil && status != http.StatusOK {
		err = fmt.Errorf("status %d: %s", status, body)
	}
	if err == nil {
		err = json.Unmarshal(body, &page)
	}
	return page.Events, err
}

// posted reports whether the sink is sent an event.
func (e event) posted() bool { return strings.HasPrefix(e.Type, "transfer.") }

// content stands for what an event says.
func (e event) content() [sha256.Size]byte { return sha256.Sum256(append([]byte(e.Type), e.Data...)) }

// checkEvents reads the events from the last that was checked on. Their numbers
// are dense, those of one batch share a hash that no other batch has, and every
// event that was ever shown is still there with the hash that it had, which
// stands for all before it. Work that is due may add events meanwhile.
func (v *victim) checkEvents(i instance) {
	v.s.t.Helper()
	end := v.state(i)
	previous := v.last
	if previous.Sequence > 0 {
		previous.Sequence-- // the last one itself is looked at again
	}
	hashes := make(map[string]bool)
	for previous.Sequence < end.Sequence {
		events, err := v.events(i, previous.Sequence)
		if err != nil || len(events) == 0 {
			v.s.t.Fatalf("%s: %d events behind %d of %d: %v", v.name, len(events), previous.Sequence, end.Sequence, err)
		}
		for _, e := range events {
			if e.Sequence != previous.Sequence+1 {
				v.s.t.Fatalf("%s: event %d follows %d", v.name, e.Sequence, previous.Sequence)
			}
			if e.Hash != previous.Hash && hashes[e.Hash] {
				v.s.t.Errorf("%s: event %d has the hash of an earlier batch", v.name, e.Sequence)
			}
			if e.Sequence == v.last.Sequence && e.Hash != v.last.Hash {
				v.s.t.Errorf("%s: event %d had the hash %s before the kill and has %s", v.name, e.Sequence, v.last.Hash, e.Hash)
			}
			if shown, ok := v.shown[e.Sequence]; ok && shown != e.Hash {
				v.s.t.Errorf("%s: event %d was shown with the hash %s and has %s", v.name, e.Sequence, shown, e.Hash)
			}
			if e.Sequence == end.Sequence && e.Hash != end.Hash {
				v.s.t.Errorf("%s: event %d has the hash %s, the books that end with it %s", v.name, e.Sequence, e.Hash, end.Hash)
			}
			if e.Sequence > v.last.Sequence {
				v.sink.expect(v, e)
				v.stream.expect(e)
			}
			hashes[e.Hash] = true
			previous = event{Sequence: e.Sequence, Hash: e.Hash}
		}
	}
	for sequence := range v.shown {
		if sequence > previous.Sequence {
			v.s.t.Errorf("%s: event %d was shown before the kill and is lost", v.name, sequence)
		}
	}
	v.last = previous
}
