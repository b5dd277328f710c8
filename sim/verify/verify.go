// Package verify proves that an instance's books are what its journal says.
//
// [Run] replays the whole journal: sequence numbers must be dense, the hash
// chain unbroken, and every event must pass double entry again. Then it
// compares every row of every table with what the replay expects. Memory
// depends on the open state, not on the length of history: rows that only grow
// in number (settlements, transfers and their approvals, ledger entries, keys)
// are compared by digests of buckets first, and row by row only within buckets
// that differ.
package verify

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Source is what is verified: a journal's batches and tables, read only. No
// engine may write to it meanwhile.
type Source interface {
	sim.Tables
	Read(ctx context.Context, after uint64, fn func(*sim.Batch) error) error
}

// Options adjust a verification.
type Options struct {
	// Instance and Seed are those of the instance's configuration.
	Instance string
	Seed     uint64
	// Rules are needed by the state, though replaying asks none of them.
	Rules sim.Rules
	// MaxDifferences bounds the report; 0 means 100.
	MaxDifferences int
	// Progress, unless it is nil, is told how far the verification is, after each
	// batch and some rows.
	Progress func(Progress)
}

// Progress is how far a verification is. It replays the journal, and then compares
// the tables; where they differ it does both once more for the rows that do.
type Progress struct {
	// Doing is what it does, such as "replaying".
	Doing string
	// Done of Total are counted in Unit, "events" or "rows".
	Done, Total uint64
	Unit        string
}

// Difference is one thing that is not as the journal says.
type Difference struct {
	// Table is the table, or "journal".
	Table string `json:"table"`
	// Key is the row's key, or the sequence number in the journal.
	Key string `json:"key"`
	// Problem says what differs.
	Problem string `json:"problem"`
}

// Report is the result of a verification.
type Report struct {
	Batches     int    `json:"batches"`
	Events      uint64 `json:"events"`
	Accounts    int    `json:"accounts"`
	Holdings    int    `json:"holdings"`
	Settlements int    `json:"settlements"`
	Transfers   int    `json:"transfers"`
	Documents   int    `json:"documents"`
	Entries     int    `json:"ledger_entries"`
	// Projected is the sequence number that the tables have reached; events
	// behind it are projected at the next start, which is no difference.
	Projected uint64 `json:"projected_sequence"`
	// Hash is that of the last batch, State the digest of the replayed state.
	Hash  string `json:"hash"`
	State string `json:"state_digest"`
	// Differences are empty where all is well; Truncated that there are more.
	Differences []Difference `json:"differences"`
	Truncated   bool         `json:"truncated,omitempty"`
}

// OK reports whether nothing differs.
func (r *Report) OK() bool { return len(r.Differences) == 0 }

// errFull ends a comparison whose report is full.
var errFull = errors.New("report is full")

type verifier struct {
	source Source
	opts   Options
	report *Report
	at     Progress
}

// begin begins a part of the verification.
func (v *verifier) begin(doing string, total uint64, unit string) {
	v.at = Progress{Doing: doing, Total: total, Unit: unit}
	v.tell(0)
}

// tell tells how much of the part is done. There may be more than was thought:
// events that are not projected, rows that should not be there.
func (v *verifier) tell(done uint64) {
	v.at.Done, v.at.Total = done, max(v.at.Total, done)
	if v.opts.Progress != nil {
		v.opts.Progress(v.at)
	}
}

// Run verifies a source. Its error says that the verification could not be
// carried out; what it found is in the report.
func Run(ctx context.Context, source Source, opts Options) (*Report, error) {
	if opts.MaxDifferences == 0 {
		opts.MaxDifferences = 100
	}
	v := &verifier{source: source, opts: opts, report: &Report{Differences: []Difference{}}}
	if err := v.run(ctx); err != nil && !errors.Is(err, errFull) {
		return nil, err
	}
	return v.report, nil
}

func (v *verifier) differs(table, key, format string, args ...any) error {
	if len(v.report.Differences) == v.opts.MaxDifferences {
		v.report.Truncated = true
		return errFull
	}
	v.report.Differences = append(v.report.Differences, Difference{table, key, fmt.Sprintf(format, args...)})
	return nil
}

func (v *verifier) run(ctx context.Context) error {
	projected, err := v.source.Projected(ctx)
	if err != nil {
		return err
	}
	v.report.Projected = projected.Sequence
	expected := newHistory()
	state, atProjected, err := v.replay(ctx, projected, expected)
	if err != nil {
		return err
	}
	if state == nil {
		return nil // the journal is broken; what the tables should hold is unknown
	}
	end := state.Progress()
	v.report.Hash = fmt.Sprintf("%x", end.Hash)
	v.report.State = fmt.Sprintf("%x", state.Snapshot().Digest())
	if atProjected == nil {
		return v.differs("projection", fmt.Sprint(projected.Sequence), "the tables claim to have reached a place that is no batch's end in the journal")
	}
	if err := v.compareState(ctx, atProjected); err != nil {
		return err
	}
	return v.compareHistory(ctx, projected.Sequence, expected)
}

// comparePlace checks the place that the tables claim against the end of the
// batch with its sequence number.
func (v *verifier) comparePlace(end, projected sim.Progress) error {
	var what string
	switch {
	case end.Hash != projected.Hash:
		what = "hash"
	case !end.Time.Equal(projected.Time):
		what = "time"
	case !bytes.Equal(end.Generator, projected.Generator):
		what = "state of the generator"
	default:
		return nil
	}
	return v.differs("projection", fmt.Sprint(end.Sequence), "the tables were projected from a batch with another %s", what)
}

// replay applies the whole journal. It returns the state at its end and the
// snapshot at the place that the tables have reached, and digests the rows
// expected of the tables. A nil state means that the journal itself is broken.
func (v *verifier) replay(ctx context.Context, projected sim.Progress, expected *history) (*sim.State, *sim.Snapshot, error) {
	state := sim.NewState(v.opts.Rules, sim.NewGenerator(v.opts.Instance, v.opts.Seed))
	var atProjected *sim.Snapshot
	if projected.Sequence == 0 {
		atProjected = state.Snapshot()
	}
	var broken error
	v.begin("replaying", projected.Sequence, "events")
	err := v.source.Read(ctx, 0, func(b *sim.Batch) error {
		if broken = b.Decode(); broken != nil {
			return broken
		}
		if b.Last <= projected.Sequence {
			expected.addBatch(b)
		}
		if broken = state.ApplyBatch(b); broken != nil {
			return broken
		}
		state.ForgetKeys(b.Last, 0)
		v.report.Batches++
		v.report.Events += uint64(len(b.Events))
		v.tell(v.report.Events)
		if b.Last == projected.Sequence {
			broken = v.comparePlace(b.End(), projected)
			atProjected = state.Snapshot()
		}
		return broken
	})
	if broken != nil && !errors.Is(broken, errFull) {
		return nil, nil, v.differs("journal", fmt.Sprint(state.Progress().Sequence+1), "%v", broken)
	}
	return state, atProjected, err
}
