// Package memory keeps journals in memory: for tests and for instances whose
// books may go with the process.
//
// # Entry points
//
// [NewStore] makes a store, of which a process has one. [Store.Journal] opens
// the journal of one instance by the name of its schema; the books belong to
// the store, so an instance that restarts within the process finds them again.
// [Store.Drop] forgets them. [NewDesired] makes the document of a supervisor in
// the same shape as those that survive the process.
//
// # Guarantees
//
// The journals implement sim.Journal and pass the same suite as every other
// store, fencing included: two journals of one schema are two writers, and the
// later Load shuts out the earlier. An empty journal costs a few hundred bytes
// and no goroutine. All types are safe for concurrent use.
package memory

import (
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Store holds the books of any number of instances, each under the name of its
// schema.
type Store struct {
	mu      sync.Mutex
	schemas map[string]*books
}

// NewStore returns an empty store.
func NewStore() *Store { return &Store{schemas: make(map[string]*books)} }

// Journal opens the journal of a schema, with the books that an earlier one
// left.
func (s *Store) Journal(schema string) *Journal {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.schemas[schema]
	if b == nil {
		b = newBooks()
		s.schemas[schema] = b
	}
	return &Journal{schema: schema, books: b}
}

// Drop forgets a schema and its books. Journals of it that are still open have
// lost their claim.
func (s *Store) Drop(schema string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if b := s.schemas[schema]; b != nil {
		delete(s.schemas, schema)
		b.mu.Lock()
		defer b.mu.Unlock()
		b.dropped = true
	}
}

// books are the journal and the tables of one schema.
type books struct {
	mu      sync.RWMutex
	dropped bool
	epoch   uint64

	// batches only grows, and nothing in it changes.
	batches   []*sim.Batch
	head      uint64
	projected sim.Progress
	tables    tables
}

func newBooks() *books { return &books{tables: newTables()} }
