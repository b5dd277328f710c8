package storetest

import (
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"sync"
	"testing"
)

// Desired keeps the document of a supervisor, in JSON: which instances should
// run. Its blanks and the order of its keys may change.
type Desired interface {
	// Load returns the document and its revision; nil and 0 if none was saved.
	Load(ctx context.Context) (document []byte, revision int64, err error)
	// Save replaces the document that has the given revision and returns the
	// new one, which is greater.
	Save(ctx context.Context, document []byte, revision int64) (newRevision int64, err error)
	Close() error
}

// RunDesired runs the suite of every [Desired]. Each call of open gives one on
// the same, at first empty, document; stale is the error of a Save that comes
// too late.
func RunDesired(t *testing.T, open func(testing.TB) Desired, stale error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), testTimeout)
	defer cancel()
	d := open(t)
	defer func() { _ = d.Close() }()
	document, revision, err := d.Load(ctx)
	if err != nil || len(document) != 0 || revision != 0 {
		t.Fatalf("an empty one loads %q, revision %d (%v)", document, revision, err)
	}
	if _, err := d.Save(ctx, []byte(`{}`), 7); !errors.Is(err, stale) {
		t.Errorf("saving over a revision that never was: %v, wanted %v", err, stale)
	}
	first := []byte(`{"instances":[{"name":"custodian-sim-001"},{"name":"ä"}]}`)
	if revision, err = d.Save(ctx, first, 0); err != nil || revision <= 0 {
		t.Fatalf("the first save gives revision %d (%v)", revision, err)
	}
	if _, err := d.Save(ctx, []byte(`{"late":true}`), 0); !errors.Is(err, stale) {
		t.Errorf("saving too late: %v, wanted %v", err, stale)
	}
	if document, at, err := d.Load(ctx); err != nil || !sameJSON(t, document, first) || at != revision {
		t.Errorf("loaded %q, revision %d (%v); wanted what was saved", document, at, err)
	}
	next, err := d.Save(ctx, []byte(`{"instances":[]}`), revision)
	if err != nil || next <= revision {
		t.Fatalf("the second save gives revision %d after %d (%v)", next, revision, err)
	}

	// Of savers that start from one revision, one wins.
	var group sync.WaitGroup
	var mu sync.Mutex
	won := 0
	for range 8 {
		group.Go(func() {
			_, err := d.Save(ctx, []byte(`{"race":true}`), next)
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				won++
			case !errors.Is(err, stale):
				t.Errorf("a saver that came too late got %v, wanted %v", err, stale)
			}
		})
	}
	group.Wait()
	if won != 1 {
		t.Errorf("%d of 8 savers won, wanted 1", won)
	}
	ended, end := context.WithCancel(ctx)
	end()
	if _, _, err := d.Load(ended); !errors.Is(err, context.Canceled) {
		t.Errorf("loading with an ended context: %v", err)
	}
	if _, err := d.Save(ended, first, next+1); !errors.Is(err, context.Canceled) {
		t.Errorf("saving with an ended context: %v", err)
	}
}

func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	var values [2]any
	for i, document := range [][]byte{a, b} {
		if err := json.Unmarshal(document, &values[i]); err != nil {
			t.Fatal(err)
		}
	}
	return reflect.DeepEqual(values[0], values[1])
}
