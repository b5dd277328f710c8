package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// parseYAML reads one YAML document. It reports syntax errors and duplicate keys
// to r, and returns nil if nothing of the document can be used.
func parseYAML(data []byte, file string, r *report) *node {
	if len(data) > maxDocumentBytes {
		r.add(Problem{File: file, Message: "is too large", Allowed: fmt.Sprintf("at most %d bytes", maxDocumentBytes)})
		return nil
	}
	y := yamlReader{file: file, report: r}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	err := decoder.Decode(&document)
	if errors.Is(err, io.EOF) {
		return &node{kind: mapNode}
	}
	if err != nil {
		y.syntax(err)
		return nil
	}
	switch err := decoder.Decode(&more); {
	case errors.Is(err, io.EOF):
	case err != nil:
		y.syntax(err)
	default:
		y.fail(more.Line, "holds a second document; put each into a file of its own")
	}
	if len(document.Content) != 1 {
		return &node{kind: mapNode}
	}
	root := y.read(document.Content[0], "", 0)
	if y.stopped {
		return nil
	}
	return root
}

// yamlReader turns YAML nodes into nodes. Aliases are written out, within
// maxNodes and maxDepth, which stops both cycles and documents that explode.
type yamlReader struct {
	file    string
	report  *report
	count   int
	stopped bool
}

func (y *yamlReader) fail(line int, message string) {
	y.report.add(Problem{File: y.file, Line: line, Message: message})
}

// stop fails and gives up on the document.
func (y *yamlReader) stop(line int, message string) *node {
	if !y.stopped {
		y.fail(line, message)
	}
	y.stopped = true
	return &node{line: line}
}

var yamlLine = regexp.MustCompile(`^line (\d+): `)

// syntax reports an error of the YAML parser, with its line taken out of the text.
func (y *yamlReader) syntax(err error) {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	line := 0
	if m := yamlLine.FindStringSubmatch(message); m != nil {
		line, _ = strconv.Atoi(m[1])
		message = message[len(m[0]):]
	}
	y.fail(line, "is not valid YAML: "+message)
}

// read turns n, which stands at path, into a node.
func (y *yamlReader) read(n *yaml.Node, path string, depth int) *node {
	if y.stopped {
		return &node{}
	}
	if y.count++; y.count > maxNodes {
		return y.stop(n.Line, "is too large once its aliases are written out")
	}
	if depth > maxDepth {
		return y.stop(n.Line, "is nested too deeply, or an alias contains itself")
	}
	switch n.Kind {
	case yaml.AliasNode:
		out := *y.read(n.Alias, path, depth+1)
		out.line = n.Line
		return &out
	case yaml.MappingNode:
		out := &node{kind: mapNode, line: n.Line}
		y.readMap(n, out, path, depth)
		return out
	case yaml.SequenceNode:
		out := &node{kind: listNode, line: n.Line, items: make([]*node, 0, len(n.Content))}
		for i, item := range n.Content {
			out.items = append(out.items, y.read(item, index(path, i), depth+1))
		}
		return out
	}
	return y.readScalar(n)
}

// readMap adds the pairs of n to out, then those of `<<` that n has not itself.
func (y *yamlReader) readMap(n *yaml.Node, out *node, path string, depth int) {
	lines := make(map[string]int, len(n.Content)/2)
	var merges []*node
	for i := 0; i+1 < len(n.Content) && !y.stopped; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Kind != yaml.ScalarNode {
			y.fail(key.Line, "has a key that is not plain text")
			continue
		}
		here := join(path, key.Value)
		child := y.read(value, here, depth+1)
		if key.ShortTag() == "!!merge" {
			merges = append(merges, child)
			continue
		}
		if first, ok := lines[key.Value]; ok {
			y.report.add(Problem{File: y.file, Line: key.Line, Key: clip(here), Message: fmt.Sprintf("is given twice; first in line %d", first)})
			continue
		}
		lines[key.Value] = key.Line
		child.line = key.Line
		out.keys = append(out.keys, key.Value)
		out.items = append(out.items, child)
	}
	for _, m := range merges {
		y.merge(m, out, lines)
	}
}

func (y *yamlReader) merge(from, into *node, taken map[string]int) {
	switch from.kind {
	case mapNode:
		for i, key := range from.keys {
			if _, ok := taken[key]; !ok {
				taken[key] = from.line
				into.keys = append(into.keys, key)
				into.items = append(into.items, from.items[i])
			}
		}
	case listNode:
		for _, item := range from.items {
			if item.kind != mapNode {
				y.fail(from.line, "merges (<<) something that is not a mapping")
				return
			}
			y.merge(item, into, taken)
		}
	default:
		y.fail(from.line, "merges (<<) something that is not a mapping")
	}
}

func (y *yamlReader) readScalar(n *yaml.Node) *node {
	out := &node{text: n.Value, line: n.Line}
	switch tag := n.ShortTag(); tag {
	case "!!null":
		out.kind = nullNode
	case "!!bool":
		out.kind, out.text = boolNode, strings.ToLower(n.Value)
	case "!!int", "!!float":
		out.kind = numberNode
	case "!!str", "!!timestamp":
		out.kind = textNode
	default:
		y.fail(n.Line, "has the tag "+clip(tag)+", which means nothing here")
		out.kind = nullNode
	}
	return out
}

// clip shortens what a user wrote for a message, and makes it one printable word.
func clip(s string) string {
	const most = 60
	quoted := strconv.Quote(s)
	quoted = quoted[1 : len(quoted)-1]
	if runes := []rune(quoted); len(runes) > most {
		return string(runes[:most]) + "…"
	}
	return quoted
}
