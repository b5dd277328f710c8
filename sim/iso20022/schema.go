package iso20022

import (
	"fmt"
	"slices"
	"strings"
)

// schema holds the elements that the message definition allows inside those
// elements that are read. The key is the path from the message's element, ""
// being that element itself. An element without an entry is text, or is not
// looked into.
type schema map[string]*sequence

// sequence is what an element may contain.
type sequence struct {
	choice bool
	items  []item
}

type item struct {
	name                     string
	required, many, anywhere bool
}

// parseSequence reads the notation of the tables below: names in the order of
// the definition, ! marking a mandatory element, * one that may be repeated, ~
// one that may stand anywhere; "|" in front makes it a choice of exactly one.
func parseSequence(notation string) *sequence {
	s := &sequence{}
	if rest, ok := strings.CutPrefix(notation, "|"); ok {
		s.choice, notation = true, rest
	}
	for word := range strings.FieldsSeq(notation) {
		name := strings.Trim(word, "!*~")
		s.items = append(s.items, item{
			name:     name,
			required: strings.HasSuffix(word, "!"),
			many:     strings.HasSuffix(word, "*"),
			anywhere: strings.HasPrefix(word, "~"),
		})
	}
	return s
}

// makeSchema compiles tables of notation; later ones are put under a path.
func makeSchema(table map[string]string, parts ...part) schema {
	s := make(schema, len(table))
	for path, notation := range table {
		s[path] = parseSequence(notation)
	}
	for _, p := range parts {
		for path, notation := range p.table {
			s[strings.TrimSuffix(p.under+"/"+path, "/")] = parseSequence(notation)
		}
	}
	return s
}

// part is a table whose paths start at an element of another one.
type part struct {
	under string
	table map[string]string
}

// index returns the place of a name in the sequence, -1 where it has none.
func (s *sequence) index(name string) int {
	return slices.IndexFunc(s.items, func(i item) bool { return i.name == name })
}

// names lists what the sequence allows, for messages.
func (s *sequence) names() string {
	names := make([]string, len(s.items))
	for i, it := range s.items {
		names[i] = it.name
	}
	return strings.Join(names, ", ")
}

// check compares an element and what is inside it with the definition. All of
// it must be in the namespace of the message.
func (s schema) check(e *element, path, namespace string) *Error {
	if e.name.Space != namespace {
		return e.fail("is in the namespace %s; it must be in %q", show(e.name.Space), namespace)
	}
	if failure := checkAttributes(e); failure != nil {
		return failure
	}
	seq, ok := s[path]
	if !ok {
		return nil
	}
	if text := trimSpace(e.text); text != "" {
		return e.fail("holds the text %s; it must hold elements: %s", show(text), seq.names())
	}
	if failure := seq.check(e); failure != nil {
		return failure
	}
	for _, c := range e.children {
		if failure := s.check(c, strings.TrimPrefix(path+"/"+c.name.Local, "/"), namespace); failure != nil {
			return failure
		}
	}
	return nil
}

func (s *sequence) check(e *element) *Error {
	last := -1
	for _, c := range e.children {
		at := s.index(c.name.Local)
		switch {
		case at < 0:
			return c.fail("is not an element of this message; %s may hold: %s", e.name.Local, s.names())
		case s.items[at].anywhere:
			continue
		case s.choice && last >= 0 && (at != last || !s.items[at].many):
			return c.fail("is one too many; %s holds exactly one of: %s", e.name.Local, s.names())
		case at < last:
			return c.fail("comes too late; it must come before %s", s.items[last].name)
		case at == last && !s.items[at].many:
			return c.fail("occurs more than once; one is allowed")
		}
		last = at
	}
	if s.choice && last < 0 {
		return e.fail("is empty; it must hold one of: %s", s.names())
	}
	for _, it := range s.items {
		if it.required && !slices.ContainsFunc(e.children, func(c *element) bool { return c.name.Local == it.name }) {
			return &Error{Path: e.path() + "/" + it.name, Message: "is missing; it is mandatory"}
		}
	}
	return nil
}

// schemaInstance is the namespace of the attributes with which documents point
// at their schemas. They are not followed.
const schemaInstance = "http://www.w3.org/2001/XMLSchema-instance"

// checkAttributes refuses attributes that mean something and are not read.
func checkAttributes(e *element) *Error {
	for _, a := range e.attrs {
		switch {
		case a.Name.Space == "xmlns", a.Name.Space == "" && a.Name.Local == "xmlns":
		case a.Name.Space == schemaInstance && (a.Name.Local == "schemaLocation" || a.Name.Local == "noNamespaceSchemaLocation"):
		case a.Name == ccy && e.name.Local == "Amt":
		default:
			return e.fail("has the attribute %s; only declarations of namespaces are allowed, and Ccy on an amount", show(a.Name.Local))
		}
	}
	return nil
}

// document is a document that has been found in a message and whose version is
// known.
type document struct {
	element *element
	version string
	// header is nil where the document came alone.
	header *Header
}

// readDocument finds the document in a message, which may come alone or beside
// a business application header, and checks that it is one of the versions.
func readDocument(data []byte, versions []string) (document, *Error) {
	root, failure := readTree(data)
	if failure != nil {
		return document{}, failure
	}
	d, header := document{element: root}, (*element)(nil)
	if root.name.Local != "Document" {
		if d.element, header, failure = unwrap(root); failure != nil {
			return document{}, failure
		}
	}
	if d.version, failure = versionOf(d.element, versions); failure != nil {
		return document{}, failure
	}
	if header != nil {
		d.header, failure = readHeader(header, d.version)
	}
	return d, failure
}

// message returns the one element of the document, which must have the name and
// follow the schema.
func (d document) message(name string, s schema) (*element, *Error) {
	namespace := NamespacePrefix + d.version
	top := schema{"": parseSequence(name + "!")}
	if failure := top.check(d.element, "", namespace); failure != nil {
		return nil, failure
	}
	message := d.element.child(name)
	if failure := s.check(message, "", namespace); failure != nil {
		return nil, failure
	}
	return message, nil
}

// versionOf takes the message definition from the namespace of a document.
func versionOf(doc *element, versions []string) (string, *Error) {
	version, ok := strings.CutPrefix(doc.name.Space, NamespacePrefix)
	if !ok {
		return "", doc.fail("is in the namespace %s; it must be in %s", show(doc.name.Space), namespaces(versions))
	}
	if !slices.Contains(versions, version) {
		return "", doc.fail("is a message %s; accepted are: %s", show(version), strings.Join(versions, ", "))
	}
	return version, nil
}

func namespaces(versions []string) string {
	quoted := make([]string, len(versions))
	for i, v := range versions {
		quoted[i] = fmt.Sprintf("%q", NamespacePrefix+v)
	}
	return strings.Join(quoted, " or ")
}

// unwrap takes an envelope apart. Its name is not fixed by ISO.
func unwrap(root *element) (doc, header *element, failure *Error) {
	envelope := schema{"": parseSequence("AppHdr! Document!")}
	if root.child("Document") == nil {
		return nil, nil, root.fail("is not a document; the root must be Document, or an envelope of AppHdr and Document")
	}
	if failure := envelope[""].check(root); failure != nil {
		return nil, nil, failure
	}
	doc, header = root.child("Document"), root.child("AppHdr")
	doc.parent, header.parent = nil, nil // paths start at these
	return doc, header, nil
}
