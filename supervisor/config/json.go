package config

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"
)

// parseJSON reads one JSON value. Like [parseYAML] it reports to r and returns
// nil if nothing can be used.
func parseJSON(data []byte, r *report) *node {
	switch {
	case len(data) > maxDocumentBytes:
		r.add(Problem{Message: "the body is too large", Allowed: fmt.Sprintf("at most %d bytes", maxDocumentBytes)})
		return nil
	case !utf8.Valid(data):
		r.add(Problem{Message: "the body is not valid UTF-8"})
		return nil
	}
	j := jsonReader{decoder: json.NewDecoder(bytes.NewReader(data)), report: r}
	j.decoder.UseNumber()
	root, err := j.read("", 0)
	if err == nil {
		if _, end := j.decoder.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something follows the value")
		}
	}
	if err != nil {
		if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			err = errors.New("it ends too early")
		}
		r.add(Problem{Message: fmt.Sprintf("the body is not valid JSON at byte %d: %v", j.decoder.InputOffset(), err)})
		return nil
	}
	return root
}

type jsonReader struct {
	decoder *json.Decoder
	report  *report
	count   int
}

func (j *jsonReader) read(path string, depth int) (*node, error) {
	if j.count++; depth > maxDepth || j.count > maxNodes {
		return nil, errors.New("too many values, or nested too deeply")
	}
	token, err := j.decoder.Token()
	if err != nil {
		return nil, err
	}
	switch t := token.(type) {
	case nil:
		return &node{kind: nullNode}, nil
	case bool:
		return &node{kind: boolNode, text: fmt.Sprint(t)}, nil
	case json.Number:
		return &node{kind: numberNode, text: t.String()}, nil
	case string:
		return &node{kind: textNode, text: t}, nil
	case json.Delim:
		if t == '[' {
			return j.readList(path, depth)
		}
		return j.readMap(path, depth)
	}
	return nil, fmt.Errorf("unexpected %v", token)
}

func (j *jsonReader) readList(path string, depth int) (*node, error) {
	out := &node{kind: listNode}
	for j.decoder.More() {
		item, err := j.read(index(path, len(out.items)), depth+1)
		if err != nil {
			return nil, err
		}
		out.items = append(out.items, item)
	}
	_, err := j.decoder.Token()
	return out, err
}

func (j *jsonReader) readMap(path string, depth int) (*node, error) {
	out := &node{kind: mapNode}
	seen := make(map[string]bool)
	for j.decoder.More() {
		token, err := j.decoder.Token()
		if err != nil {
			return nil, err
		}
		key, _ := token.(string) // the decoder allows nothing else here
		value, err := j.read(join(path, key), depth+1)
		if err != nil {
			return nil, err
		}
		if seen[key] {
			j.report.add(Problem{Key: clip(join(path, key)), Message: "is given twice"})
			continue
		}
		seen[key] = true
		out.keys = append(out.keys, key)
		out.items = append(out.items, value)
	}
	_, err := j.decoder.Token()
	return out, err
}

// join and index build the paths of keys that messages name.
func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

func index(path string, i int) string { return fmt.Sprintf("%s[%d]", path, i) }
