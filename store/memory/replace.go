package memory

import "fmt"

// Replace puts the books of one schema in the place of another's, whatever that
// holds, at once. Journals of both that are still open have lost their claim.
func (s *Store) Replace(from, to string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.schemas[from]
	if b == nil {
		return fmt.Errorf("schema %q holds no books", from)
	}
	if old := s.schemas[to]; old != nil {
		old.mu.Lock()
		old.dropped = true
		old.mu.Unlock()
	}
	b.mu.Lock()
	b.epoch++ // the journal that wrote them is not the owner any more
	b.mu.Unlock()
	delete(s.schemas, from)
	s.schemas[to] = b
	return nil
}

// Exists reports whether a schema holds anything.
func (s *Store) Exists(schema string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.schemas[schema]
	if b == nil {
		return false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	return b.head > 0
}
