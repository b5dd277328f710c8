package memory

import (
	"context"
	"slices"
)

// table holds records in the order of their keys in one sorted slice: the
// least memory for the many instances that stay small, lookups by bisection,
// and pages that start anywhere. New settlements and entries have the largest
// key, so adding them is appending.
//
// Records are immutable and the table is guarded by its store's lock.
type table[K, R any] struct {
	rows    []R
	key     func(R) K
	compare func(a, b K) int
}

// at returns where the key is, or would be.
func (t *table[K, R]) at(key K) (int, bool) {
	if n := len(t.rows); n == 0 || t.compare(t.key(t.rows[n-1]), key) < 0 {
		return n, false
	}
	return slices.BinarySearchFunc(t.rows, key, func(r R, k K) int { return t.compare(t.key(r), k) })
}

// put adds or replaces a record and reports whether it is new.
func (t *table[K, R]) put(r R) bool {
	i, found := t.at(t.key(r))
	if found {
		t.rows[i] = r
		return false
	}
	t.rows = slices.Insert(t.rows, i, r)
	return true
}

func (t *table[K, R]) remove(key K) {
	if i, found := t.at(key); found {
		t.rows = slices.Delete(t.rows, i, i+1)
	}
}

func (t *table[K, R]) get(key K) (r R, ok bool) {
	if i, found := t.at(key); found {
		return t.rows[i], true
	}
	return r, false
}

// checkEvery is how many rows are filtered between two looks at the context.
const checkEvery = 4096

// page returns up to limit rows that fit, from those behind the cursor or, with
// none, from the first on.
func (t *table[K, R]) page(ctx context.Context, after *K, limit int, fits func(R) bool) ([]R, error) {
	start := 0
	if after != nil {
		i, found := t.at(*after)
		if found {
			i++
		}
		start = i
	}
	var out []R
	for i := start; i < len(t.rows) && len(out) < limit; i++ {
		if (i-start)%checkEvery == 0 {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
		}
		if fits(t.rows[i]) {
			out = append(out, t.rows[i])
		}
	}
	return out, ctx.Err()
}
