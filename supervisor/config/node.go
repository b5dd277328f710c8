package config

import "slices"

// kind says what a node is.
type kind int

const (
	nullNode kind = iota
	boolNode
	numberNode
	textNode
	// looseNode is text from the environment or a flag, which has no types: the
	// key that it is for decides how it is read.
	looseNode
	mapNode
	listNode
)

// String returns the kind as messages name it.
func (k kind) String() string {
	return [...]string{"null", "true or false", "a number", "text", "text", "a mapping", "a list"}[k]
}

// node is a piece of a document before its meaning is known: what YAML, JSON,
// the environment and flags have in common. Scalars keep their text.
type node struct {
	kind kind
	text string // of scalars
	line int    // where the key or list item stands, 0 if unknown
	name string // of the variable or flag, instead of the key's path
	keys []string
	// items are the elements of a list, or the values of a map, as keys.
	items []*node
}

// bounds of a document, so that a small one can't cost much.
const (
	maxDocumentBytes = 4 << 20
	maxDepth         = 64
	maxNodes         = 1_000_000
)

// put sets the value at a path of keys, making maps on the way.
func (n *node) put(path []string, value *node) {
	for i, key := range path {
		if i == len(path)-1 {
			n.set(key, value)
			return
		}
		below := n.get(key)
		if below == nil {
			below = &node{kind: mapNode}
			n.set(key, below)
		}
		n = below
	}
}

func (n *node) get(key string) *node {
	if i := slices.Index(n.keys, key); i >= 0 {
		return n.items[i]
	}
	return nil
}

func (n *node) set(key string, value *node) {
	if i := slices.Index(n.keys, key); i >= 0 {
		n.items[i] = value
		return
	}
	n.keys = append(n.keys, key)
	n.items = append(n.items, value)
}
