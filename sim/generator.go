package sim

import (
	"encoding/binary"
	"errors"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/google/uuid"
)

// generatorSize is the length of a generator's state: the PCG's own encoding
// ("pcg:" and two words), the last millisecond and the counter within it.
const generatorSize = 20 + 8 + 2

// What the time and the counter of a UUIDv7 have room for.
const (
	maxMillis  = 1<<48 - 1
	maxCounter = 1<<12 - 1
)

// Generator draws identifiers and chances for one instance. Its whole state is
// journaled with every batch, so a replay continues where the original stood.
// It belongs to one goroutine.
type Generator struct {
	pcg     rand.PCG
	millis  int64
	counter uint16
}

// NewGenerator returns the generator of a new instance. The instance's name
// takes part, so that instances with the same seed draw different identifiers.
func NewGenerator(instance string, seed uint64) *Generator {
	h := fnv.New64a()
	_, _ = h.Write([]byte(instance)) // never fails
	g := &Generator{}
	g.pcg.Seed(seed, h.Sum64())
	return g
}

// ID returns a UUIDv7 (RFC 9562) for an instance time. Identifiers of one
// generator strictly increase, even where time stands still: the twelve bits
// behind the version count within a millisecond (section 6.2, method 1), and a
// millisecond whose counter is used up borrows from the next.
func (g *Generator) ID(now time.Time) uuid.UUID {
	millis := now.UnixMilli()
	switch {
	case millis > g.millis:
		g.millis, g.counter = millis, 0
	case g.counter < maxCounter:
		g.counter++
	default:
		g.millis, g.counter = g.millis+1, 0
	}
	var id uuid.UUID
	binary.BigEndian.PutUint64(id[:8], uint64(g.millis)<<16|0x7000|uint64(g.counter))
	binary.BigEndian.PutUint64(id[8:], g.pcg.Uint64()&0x3fffffffffffffff|0x8000000000000000)
	return id
}

// AppendState appends the generator's state to dst.
func (g *Generator) AppendState(dst []byte) []byte {
	dst, _ = g.pcg.AppendBinary(slices.Grow(dst, generatorSize)) // never fails
	dst = binary.BigEndian.AppendUint64(dst, uint64(g.millis))
	return binary.BigEndian.AppendUint16(dst, g.counter)
}

// Restore sets the generator to a state that [Generator.AppendState] wrote.
func (g *Generator) Restore(state []byte) error {
	if len(state) != generatorSize {
		return errors.New("generator state has the wrong length")
	}
	millis, counter := int64(binary.BigEndian.Uint64(state[20:28])), binary.BigEndian.Uint16(state[28:])
	if millis < 0 || millis > maxMillis || counter > maxCounter {
		return errors.New("generator state is out of range")
	}
	if err := g.pcg.UnmarshalBinary(state[:20]); err != nil {
		return err
	}
	g.millis, g.counter = millis, counter
	return nil
}
