package iso20022

import (
	"slices"
	"strings"
	"time"
)

// Header is what is read from a business application header (head.001.001,
// versions 01 to 04).
type Header struct {
	// BusinessMessageID identifies the message for its sender (BizMsgIdr).
	BusinessMessageID string
	// MessageDefinition is the name of the message's definition (MsgDefIdr);
	// it is the one of the document.
	MessageDefinition string
	// From and To are the BICs of the parties, empty where a header names them
	// by other means.
	From, To string
	// Created is the time of the header (CreDt); without a time zone it is
	// taken as UTC.
	Created time.Time
}

// readHeader reads a header and compares it with the version of its document.
// Only what is used is looked into: senders fill headers by many local rules.
func readHeader(e *element, version string) (*Header, *Error) {
	definition, ok := strings.CutPrefix(e.name.Space, NamespacePrefix)
	if !ok || !slices.Contains(headerVersions, definition) {
		return nil, e.fail("is in the namespace %s; it must be in %s", show(e.name.Space), namespaces(headerVersions))
	}
	for _, name := range []string{"BizMsgIdr", "MsgDefIdr", "CreDt", "Fr", "To"} {
		first := e.child(name)
		if first == nil {
			return nil, &Error{Path: e.path() + "/" + name, Message: "is missing; it is mandatory"}
		}
		for _, c := range e.children {
			if c.name.Local == name && c != first {
				return nil, c.fail("occurs more than once; one is allowed")
			}
		}
	}
	r := &reader{}
	h := &Header{
		BusinessMessageID: r.text(e.child("BizMsgIdr"), 35),
		MessageDefinition: r.text(e.child("MsgDefIdr"), 35),
		From:              r.headerParty(e.child("Fr")),
		To:                r.headerParty(e.child("To")),
	}
	// Version 01 writes 2026-11-24T09:30:00Z only, later ones any date-time.
	h.Created = r.dateTime(e.child("CreDt"))
	if r.failure == nil && h.MessageDefinition != version {
		r.fail(e.child("MsgDefIdr"), "is %s; the document beside it is %s, and both must be the same", show(h.MessageDefinition), version)
	}
	return h, r.failure
}

func (r *reader) headerParty(e *element) string {
	for _, path := range [][]string{
		{"FIId", "FinInstnId", "BICFI"}, {"OrgId", "Id", "OrgId", "AnyBIC"}, {"OrgId", "Id", "OrgId", "BICOrBEI"},
	} {
		if id := e.find(path...); id != nil {
			return r.pattern(id, bicPattern, "a BIC of 8 or 11 capital letters and digits")
		}
	}
	return ""
}
