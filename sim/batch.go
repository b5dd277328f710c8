package sim

import (
	"crypto/sha256"
	"fmt"
	"time"
)

// Digest is a SHA-256 sum.
type Digest [sha256.Size]byte

// Batch is what one append to a journal makes durable: consecutive events, the
// state of the generator after them, and a hash chained to the batch before.
type Batch struct {
	// First and Last are the sequence numbers of the first and last event.
	First, Last uint64
	// Time is the instance time of the last event.
	Time time.Time
	// Hash is SHA-256 over the hash of the batch before (32 zero bytes for the
	// first) and Payload.
	Hash Digest
	// Payload is the encoded batch, message Batch of
	// custodianpb/journalpb/journal.proto. It holds all of the above but the hash.
	Payload []byte

	// Events are the decoded events; nil on a batch read from a store until
	// [Batch.Decode] was called.
	Events []*Event
	// Generator is the generator's state after the batch, set with Events.
	Generator []byte
}

// NewBatch makes the batch of consecutive events that follows one with hash
// previous. The generator's state is the one after the last event. Events must
// not be empty.
func NewBatch(previous Digest, events []*Event, generator []byte) *Batch {
	last := events[len(events)-1]
	b := &Batch{First: events[0].Sequence, Last: last.Sequence, Time: last.Time, Events: events, Generator: generator}
	b.Payload = appendBatch(make([]byte, 0, 64+512*len(events)), b)
	b.Hash = Chain(previous, b.Payload)
	return b
}

// Chain returns the hash of a batch with payload that follows one with hash
// previous.
func Chain(previous Digest, payload []byte) Digest {
	h := sha256.New()
	_, _ = h.Write(previous[:]) // never fails
	_, _ = h.Write(payload)
	var sum Digest
	h.Sum(sum[:0])
	return sum
}

// Progress is a place in the journal: the end of some batch, with what is
// needed to continue behind it. The zero value is the place before the first.
type Progress struct {
	Sequence  uint64
	Time      time.Time
	Hash      Digest
	Generator []byte
}

// End returns the place behind the batch. The batch must be decoded.
func (b *Batch) End() Progress {
	return Progress{Sequence: b.Last, Time: b.Time, Hash: b.Hash, Generator: b.Generator}
}

// Follows checks that b is the batch right behind p: dense sequence numbers and
// an unbroken hash chain. Its errors wrap [ErrBrokenInvariant].
func (b *Batch) Follows(p Progress) error {
	if b.First != p.Sequence+1 || b.Last < b.First {
		return fmt.Errorf("%w: journal batch %d to %d follows sequence %d", ErrBrokenInvariant, b.First, b.Last, p.Sequence)
	}
	if Chain(p.Hash, b.Payload) != b.Hash {
		return fmt.Errorf("%w: the hash of journal batch %d to %d does not fit the batch before it and its content", ErrBrokenInvariant, b.First, b.Last)
	}
	return nil
}
