package auditor

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/google/uuid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Mark returns metadata that bear a mark, by which the auditor tells requests
// apart in the journal.
func Mark(n uint64) []byte { return fmt.Appendf(nil, `{"mark":"%d"}`, n) }

// mark notes a mark in metadata.
func (x *examination) mark(metadata []byte) error {
	name := markOf(metadata)
	if name == "" {
		return nil
	}
	if at, seen := x.marks[name]; seen {
		return fmt.Errorf("the request with mark %s was carried out by event %d already", name, at)
	}
	x.marks[name] = x.e.Sequence
	return nil
}

func markOf(metadata []byte) string {
	var m struct {
		Mark string `json:"mark"`
	}
	if len(metadata) == 0 || json.Unmarshal(metadata, &m) != nil {
		return ""
	}
	return m.Mark
}

// metadataOf returns the metadata of a command that makes something.
func metadataOf(c sim.Command) []byte {
	switch c := c.(type) {
	case sim.OpenAccount:
		return c.Metadata
	case sim.Instruct:
		return c.Metadata
	case sim.SubmitTransfer:
		return c.Metadata
	default:
		return nil
	}
}

// Acknowledged takes the answer to a request that was carried out. The batch
// with its events must have been taken before.
func (a *Auditor) Acknowledged(r *sim.Request, result *sim.Result) error {
	note, there := a.events[result.Sequence]
	switch {
	case !there:
		return fmt.Errorf("acknowledged with event %d, which is not in the journal", result.Sequence)
	case r.IdempotencyKey != note.key:
		return fmt.Errorf("acknowledged with event %d, which has the idempotency key %q and not %q", result.Sequence, note.key, r.IdempotencyKey)
	case a.acknowledged[result.Sequence] && !result.Replayed:
		return fmt.Errorf("acknowledged with event %d, with which another request was", result.Sequence)
	}
	a.acknowledged[result.Sequence] = true
	if id := idOf(result); id != (uuid.UUID{}) && id != note.first {
		return fmt.Errorf("acknowledged with event %d as %s, the journal says %s", result.Sequence, id, note.first)
	}
	if name := markOf(metadataOf(r.Command)); name != "" {
		if at, seen := a.marks[name]; !seen || at != result.Sequence {
			return fmt.Errorf("acknowledged with event %d, its mark %s is in event %d (%v)", result.Sequence, name, at, seen)
		}
	}
	return nil
}

func idOf(r *sim.Result) uuid.UUID {
	switch {
	case r.Transfer != nil:
		return r.Transfer.ID
	case r.Settlement != nil:
		return r.Settlement.ID
	default:
		return uuid.UUID{}
	}
}

// Refused takes the answer to a request that was refused: nothing of it may be in
// the journal, unless it was answered with [Auditor.Unknown] or acknowledged before.
func (a *Auditor) Refused(r *sim.Request, refusal error) error {
	name := markOf(metadataOf(r.Command))
	if at, seen := a.marks[name]; name != "" && seen && !a.acknowledged[at] && !a.markedUnsure[name] {
		return fmt.Errorf("refused (%w), and event %d has its mark %s", refusal, at, name)
	}
	return nil
}

// Unknown takes the answer to a request of which nobody knows what became: it
// was carried out wholly or not at all.
func (a *Auditor) Unknown(r *sim.Request) {
	if name := markOf(metadataOf(r.Command)); name != "" {
		a.markedUnsure[name] = true
	}
}

// Finish checks, at the end, that all places add up, not only those that events
// touched, and that nobody's request was carried out unasked.
func (a *Auditor) Finish() error {
	x := &examination{Auditor: a, e: &sim.Event{}}
	for at := range a.holdings {
		x.touch(at)
	}
	for _, sums := range []map[place]*number{a.reserved, a.transit, a.pending} {
		for at := range sums {
			x.touch(at)
		}
	}
	if err := x.sums(); err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(a.marks)) {
		if at := a.marks[name]; !a.acknowledged[at] && !a.markedUnsure[name] {
			return fmt.Errorf("event %d carried out the request with mark %s, which was never answered", at, name)
		}
	}
	return nil
}
