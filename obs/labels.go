package obs

import (
	"slices"
	"strings"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// otherValue stands for every label value that has no series of its own.
const otherValue = "other"

// cappedLabel admits the first limit distinct values of one label. It is
// shared by all metrics of an instance that carry the label, so an account that
// has its own series in one has it in all.
type cappedLabel struct {
	name    string
	limit   int
	dropped *lazy[*prometheus.CounterVec]

	mu   sync.RWMutex
	seen map[string]string
}

// admit returns the label value to use for v, and meters the cap when that is
// "other" for want of room.
func (l *cappedLabel) admit(v string) string {
	l.mu.RLock()
	value, known := l.seen[v]
	full := len(l.seen) >= l.limit
	l.mu.RUnlock()
	if known {
		return value
	}
	if !full {
		if value, ok := l.learn(v); ok {
			return value
		}
	}
	l.drop()
	return otherValue
}

// drop counts a record whose value was replaced by "other".
func (l *cappedLabel) drop() { l.dropped.get().WithLabelValues(l.name).Inc() }

// learn takes v in unless the last room went to another goroutine meanwhile.
func (l *cappedLabel) learn(v string) (string, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if value, known := l.seen[v]; known {
		return value, true
	}
	if len(l.seen) >= l.limit {
		return "", false
	}
	// Cloned, because v may be a piece of a request body that the map would
	// keep alive; valid, because Prometheus panics on anything else.
	key := strings.Clone(v)
	value := strings.ToValidUTF8(key, "\uFFFD")
	if l.seen == nil {
		l.seen = make(map[string]string)
	}
	l.seen[key] = value
	return value, true
}

// forget gives the room of a value to another.
func (l *cappedLabel) forget(v string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.seen, v)
}

// pairCounter is a counter with two labels of capped values, and with a cap on
// the pairs as well, since two capped labels could still make the product of
// their caps. The children of admitted pairs are found by one map look-up that
// does not allocate.
type pairCounter struct {
	vec           lazy[*prometheus.CounterVec]
	first, second *cappedLabel
	limit         int // of pairs with a series of their own

	mu       sync.RWMutex
	children map[[2]string]prometheus.Counter
}

func (c *pairCounter) define(set *collectorSet, of *Metric, limit int, first, second *cappedLabel) {
	c.vec.define(set, of, newCounterVec)
	c.limit, c.first, c.second = limit, first, second
}

// otherPair stands for the pairs that have no series of their own. It has room
// beyond the limit.
var otherPair = [2]string{otherValue, otherValue}

func (c *pairCounter) inc(a, b string) {
	if child, ok := c.child(a, b); ok {
		child.Inc()
		return
	}
	// Not a known pair as it stands: a new one, or one with a value beyond the
	// cap. The children are keyed by admitted values only.
	a, b = c.first.admit(a), c.second.admit(b)
	if child, ok := c.child(a, b); ok {
		child.Inc()
		return
	}
	c.learn(a, b).Inc()
}

// learn returns the series of a pair of admitted values: a new one, or that of
// all other pairs if there is no more room.
func (c *pairCounter) learn(a, b string) prometheus.Counter {
	c.mu.Lock()
	defer c.mu.Unlock()
	pair := [2]string{a, b}
	if _, known := c.children[pair]; !known && len(c.children) >= c.limit {
		for i, label := range []*cappedLabel{c.first, c.second} {
			if pair[i] != otherValue { // that was counted when it was not admitted
				label.drop()
			}
		}
		pair = otherPair
	}
	child, ok := c.children[pair]
	if !ok {
		if c.children == nil {
			c.children = make(map[[2]string]prometheus.Counter)
		}
		child = c.vec.get().WithLabelValues(pair[0], pair[1])
		c.children[pair] = child
	}
	return child
}

func (c *pairCounter) child(a, b string) (prometheus.Counter, bool) {
	c.mu.RLock()
	child, ok := c.children[[2]string{a, b}]
	c.mu.RUnlock()
	return child, ok
}

// enumCounter is a counter with one label of a closed set of values; anything
// else is "other". Its series appear with their first use.
type enumCounter struct{ lazy[*prometheus.CounterVec] }

func (c *enumCounter) inc(value string) {
	if !slices.Contains(c.of.Values, value) {
		value = otherValue
	}
	c.get().WithLabelValues(value).Inc()
}
