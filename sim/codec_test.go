package sim_test

import (
	"bytes"
	"errors"
	"testing"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// rewritten encodes what was decoded once more.
func rewritten(b *sim.Batch) *sim.Batch { return sim.NewBatch(sim.Digest{}, b.Events, b.Generator) }

func TestDecodingGivesBackWhatWasEncoded(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := newBooks(t)
		randomHistory(t, b, 20)
		for i, got := range stored(t, b.batches) {
			want := b.batches[i]
			if got.First != want.First || got.Last != want.Last || !got.Time.Equal(want.Time) || !bytes.Equal(got.Generator, want.Generator) || len(got.Events) != len(want.Events) {
				t.Fatalf("batch %d comes back as %d to %d with %d events", want.First, got.First, got.Last, len(got.Events))
			}
			if again := rewritten(got); !bytes.Equal(again.Payload, want.Payload) {
				t.Fatalf("batch %d has other bytes when it is written again", want.First)
			}
			for j, e := range got.Events {
				if original := want.Events[j]; e.Sequence != original.Sequence || e.Time != original.Time || e.Type != original.Type {
					t.Fatalf("event %d comes back as %d, %s, %s", original.Sequence, e.Sequence, e.Type, e.Time)
				}
			}
		}
	})
}

func TestDecodingRefusesWhatIsNoBatch(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.deposit("a", "BTC", "1")
	payload := b.seal().Payload
	newer := bytes.Clone(payload)
	newer[1] = 2 // the version is the first field
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"noise":           []byte("no protobuf at all"),
		"cut short":       payload[:len(payload)-1],
		"a newer version": newer,
		"no events":       payload[:4],
		"no version":      payload[2:],
	} {
		if err := (&sim.Batch{Payload: data}).Decode(); !errors.Is(err, sim.ErrBrokenInvariant) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzDecodeNeverPanicsAndReadsWhatItWrites(f *testing.F) {
	b := newBooks(f)
	script(b)
	for _, batch := range b.batches {
		f.Add(batch.Payload)
	}
	f.Add([]byte(nil))
	f.Add([]byte{8, 1, 16, 1, 34, 0})
	f.Fuzz(func(t *testing.T, payload []byte) {
		batch := &sim.Batch{Payload: payload}
		if err := batch.Decode(); err != nil {
			if !errors.Is(err, sim.ErrBrokenInvariant) || batch.Events != nil {
				t.Fatalf("decoding fails with %v and leaves %d events", err, len(batch.Events))
			}
			return
		}
		// Whatever was read can be judged and written, and reads the same then.
		_ = sim.NewState(wideRules(), sim.NewGenerator("books", 1)).ApplyBatch(batch)
		_ = sim.Fold([]*sim.Batch{batch})
		first := rewritten(batch)
		again := &sim.Batch{Payload: first.Payload}
		if batch.Last < batch.First { // numbers that ran over are refused by the chain
			return
		}
		if err := again.Decode(); err != nil {
			t.Fatalf("what was written does not decode: %v", err)
		}
		if second := rewritten(again); !bytes.Equal(first.Payload, second.Payload) {
			t.Fatal("writing twice gives other bytes")
		}
	})
}
