package iso20022

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Bounds of the messages that are read.
const (
	// MaxMessageBytes is the largest message, in bytes.
	MaxMessageBytes = 1 << 20
	// MaxDepth is how deep elements may be nested, the root counted.
	MaxDepth = 32
	// MaxElements is how many elements a message may have.
	MaxElements = 10_000
	// MaxTextBytes is the longest text of one element, in bytes.
	MaxTextBytes = 4096
	// MaxAttributes is how many attributes an element may have, declarations
	// of namespaces counted.
	MaxAttributes = 16
	// MaxIgnored is how many paths the field Ignored of a message lists at most.
	MaxIgnored = 100
)

// element is one element of a message that has been read.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	parent   *element
	children []*element
	text     string
	// used tells what has been understood from what has been ignored.
	used bool
}

// path returns where the element is, from the top of its document.
func (e *element) path() string {
	if e.parent == nil {
		return e.name.Local
	}
	number, count := 0, 0
	for _, sibling := range e.parent.children {
		if sibling.name.Local == e.name.Local {
			count++
		}
		if sibling == e {
			number = count
		}
	}
	if count > 1 {
		return fmt.Sprintf("%s/%s[%d]", e.parent.path(), e.name.Local, number)
	}
	return e.parent.path() + "/" + e.name.Local
}

// child returns the first child of a name and marks it as understood; nil
// where e is nil or has no such child.
func (e *element) child(name string) *element {
	if e == nil {
		return nil
	}
	for _, c := range e.children {
		if c.name.Local == name {
			c.used = true
			return c
		}
	}
	return nil
}

// find follows a path of names down from e, as child does.
func (e *element) find(names ...string) *element {
	for _, name := range names {
		e = e.child(name)
	}
	return e
}

// ignored appends the paths of the topmost elements under e that nobody asked
// for.
func (e *element) ignored(paths []string) []string {
	for _, c := range e.children {
		if len(paths) >= MaxIgnored {
			return paths
		}
		if c.used {
			paths = c.ignored(paths)
		} else {
			paths = append(paths, c.path())
		}
	}
	return paths
}

// fail returns an error about the element.
func (e *element) fail(format string, args ...any) *Error {
	return &Error{Path: e.path(), Message: fmt.Sprintf(format, args...)}
}

// show quotes input for a message, cut to a bearable length.
func show(s string) string {
	const most = 48
	if len(s) <= most {
		return fmt.Sprintf("%q", s)
	}
	cut := most
	for cut > 0 && !utf8.RuneStart(s[cut]) {
		cut--
	}
	return fmt.Sprintf("%q…", s[:cut])
}

// treeReader builds the elements of a message within bounds.
type treeReader struct {
	decoder  *xml.Decoder
	root     *element
	open     *element
	depth    int
	elements int
	text     []byte
	begun    bool
}

// readTree reads a whole message, or says what is wrong with it as XML.
func readTree(data []byte) (*element, *Error) {
	if len(data) > MaxMessageBytes {
		return nil, &Error{Message: fmt.Sprintf("the message has %d bytes; at most %d are allowed", len(data), MaxMessageBytes)}
	}
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	if !utf8.Valid(data) || bytes.IndexByte(data, 0) >= 0 {
		return nil, &Error{Message: "the message is not UTF-8 text; only UTF-8 is allowed"}
	}
	r := &treeReader{decoder: xml.NewDecoder(bytes.NewReader(data))}
	r.decoder.Strict = true
	r.decoder.CharsetReader = func(charset string, _ io.Reader) (io.Reader, error) {
		return nil, fmt.Errorf("encoding %s is declared; only UTF-8 is allowed", show(charset))
	}
	for {
		token, err := r.decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, r.fail("is not well-formed XML: %s", brief(err))
		}
		if failure := r.take(token); failure != nil {
			return nil, failure
		}
		r.begun = true
	}
	if r.root == nil {
		return nil, &Error{Message: "the message has no element; an XML document is needed"}
	}
	return r.root, nil
}

// brief returns the text of a decoder's error without the decoder's prefixes.
func brief(err error) string {
	text := err.Error()
	if syntax, ok := errors.AsType[*xml.SyntaxError](err); ok {
		text = fmt.Sprintf("line %d: %s", syntax.Line, syntax.Msg)
	}
	text = strings.TrimPrefix(text, "xml: ")
	if len(text) > 200 {
		text = strings.ToValidUTF8(text[:200], "") + "…"
	}
	return text
}

// fail returns an error about the element that is being read.
func (r *treeReader) fail(format string, args ...any) *Error {
	if r.open != nil {
		return r.open.fail(format, args...)
	}
	return &Error{Message: "the message " + fmt.Sprintf(format, args...)}
}

func (r *treeReader) take(token xml.Token) *Error {
	switch token := token.(type) {
	case xml.StartElement:
		return r.start(token)
	case xml.EndElement:
		return r.end()
	case xml.CharData:
		return r.characters(token)
	case xml.Directive:
		return r.fail("has a declaration <!%s>; document type and entity declarations are not allowed", firstWord(token))
	case xml.ProcInst:
		if token.Target != "xml" || r.begun {
			return r.fail("has a processing instruction <?%s?>; only the XML declaration at the start is allowed", show(token.Target))
		}
	}
	return nil // comments say nothing
}

func firstWord(directive []byte) string {
	word, _, _ := strings.Cut(string(directive[:min(len(directive), 24)]), " ")
	return strings.ToValidUTF8(word, "")
}

func (r *treeReader) start(token xml.StartElement) *Error {
	if r.open == nil && r.root != nil {
		return r.fail("goes on after its root element; only one root element is allowed")
	}
	r.elements++
	r.depth++
	if r.elements > MaxElements {
		return r.fail("makes more than %d elements; that is how many a message may have", MaxElements)
	}
	if r.depth > MaxDepth {
		return r.fail("is nested too deep; at most %d levels are allowed", MaxDepth)
	}
	if failure := r.betweenElements(); failure != nil {
		return failure
	}
	e := &element{name: token.Name, attrs: token.Copy().Attr, parent: r.open}
	if len(e.attrs) > MaxAttributes {
		return r.fail("has an element with %d attributes; at most %d are allowed", len(e.attrs), MaxAttributes)
	}
	for i, a := range e.attrs {
		for _, before := range e.attrs[:i] {
			if a.Name == before.Name {
				return r.fail("has an element with two attributes %s; one of a name is allowed", show(a.Name.Local))
			}
		}
	}
	if r.open == nil {
		r.root = e
	} else {
		r.open.children = append(r.open.children, e)
	}
	r.open = e
	return nil
}

func (r *treeReader) end() *Error {
	if len(r.open.children) > 0 {
		if failure := r.betweenElements(); failure != nil {
			return failure
		}
	}
	r.open.text = string(r.text)
	r.text = r.text[:0]
	r.open = r.open.parent
	r.depth--
	return nil
}

// betweenElements drops the white space that lays out elements and refuses any
// other text among them.
func (r *treeReader) betweenElements() *Error {
	if text := trimSpace(string(r.text)); text != "" {
		return r.fail("has the text %s among its elements; either elements or text are allowed", show(text))
	}
	r.text = r.text[:0]
	return nil
}

func (r *treeReader) characters(text []byte) *Error {
	if r.open == nil {
		if word := trimSpace(string(text)); word != "" {
			return r.fail("has the text %s outside its root element; only white space is allowed there", show(word))
		}
		return nil
	}
	// The white space between two elements counts as a text of its own.
	if len(r.text)+len(text) > MaxTextBytes {
		return r.fail("has more than %d bytes of text; that is how many one element may have", MaxTextBytes)
	}
	r.text = append(r.text, text...)
	return nil
}

// trimSpace trims the white space of XML, which is less than Unicode's.
func trimSpace(s string) string { return strings.Trim(s, " \t\r\n") }
