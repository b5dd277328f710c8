package memory

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
)

// ErrRevision reports that the document is not at the revision it was to
// replace: somebody else has saved in between.
var ErrRevision = errors.New("the desired state has changed meanwhile")

// Desired keeps a supervisor's document for as long as the process runs. It is
// safe for concurrent use.
type Desired struct {
	mu       sync.Mutex
	document []byte
	revision int64
}

// NewDesired returns a keeper without a document.
func NewDesired() *Desired { return &Desired{} }

// Load returns the document and its revision; nil and 0 if none was saved.
func (d *Desired) Load(ctx context.Context) (document []byte, revision int64, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.document), d.revision, ctx.Err()
}

// Save replaces the document that has the given revision and returns the new
// one. It fails with [ErrRevision] if the document has another.
func (d *Desired) Save(ctx context.Context, document []byte, revision int64) (newRevision int64, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if revision != d.revision {
		return 0, fmt.Errorf("%w: it is at revision %d, not %d", ErrRevision, d.revision, revision)
	}
	d.document, d.revision = slices.Clone(document), revision+1
	return d.revision, nil
}

// Close has nothing to release.
func (*Desired) Close() error { return nil }
