package view

import (
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// EventData appends the record that an event is about, which is the data of
// [Event]. The noun in the event's type says which that is. Settlements that the
// event has changed besides are in its member also, so that nothing which
// happened to a settlement escapes those who follow the events.
func (e *Encoder) EventData(dst []byte, event *sim.Event) []byte {
	start := len(dst)
	also := event.Settlements
	switch about := AboutOf(event); {
	case about.Settlement != nil:
		dst, also = e.Settlement(dst, about.Settlement), also[1:]
	case about.Transfer != nil:
		dst = e.Transfer(dst, about.Transfer)
	case about.Holding != nil:
		dst = e.Holding(dst, about.Holding)
	case about.Account != nil:
		dst = e.Account(dst, about.Account)
	case about.Document != nil:
		dst = appendAlsoRemoved(e.Document(dst, about.Document), event.Documents)
	default:
		dst = append(dst, "{}"...)
	}
	if len(also) == 0 {
		return dst
	}
	dst = dst[:len(dst)-1] // reopen the object
	if len(dst) > start+1 {
		dst = append(dst, ',')
	}
	dst = append(dst, `"also":[`...)
	for i, s := range also {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.Settlement(dst, s)
	}
	return append(dst, `]}`...)
}

// AboutOf returns the record that an event is about, of the kind that the noun
// in its type names. Exactly one field is set, or none where the event has no
// record at all.
func AboutOf(event *sim.Event) sim.Result {
	noun, _, _ := strings.Cut(string(event.Type), ".")
	var r sim.Result
	switch {
	case noun == "account" && len(event.Accounts) > 0:
		r.Account = event.Accounts[0]
	case (noun == "position" || noun == "balance") && len(event.Holdings) > 0:
		r.Holding = event.Holdings[0]
	case noun == "settlement" && len(event.Settlements) > 0:
		r.Settlement = event.Settlements[0]
	case noun == "transfer" && len(event.Transfers) > 0:
		r.Transfer = event.Transfers[0]
	case len(event.Documents) > 0:
		r.Document = event.Documents[0]
	default:
		r = sim.ResultOf(event)
		r.Sequence = 0
	}
	return r
}

// appendAlsoRemoved adds to the object of a document that was removed the ids of
// those of its kind that the same event removed.
func appendAlsoRemoved(dst []byte, documents []*sim.Document) []byte {
	first, more := documents[0], false
	for _, v := range documents[1:] {
		if !first.Removed || !v.Removed || v.Kind != first.Kind {
			continue
		}
		if more {
			dst = append(dst, ',')
		} else {
			dst, more = append(dst[:len(dst)-1], `,"also_removed":[`...), true
		}
		dst = jsontext.AppendString(dst, v.ID)
	}
	if more {
		dst = append(dst, `]}`...)
	}
	return dst
}

// Document appends the content of a document, a JSON object as it is recorded.
// Of one that was removed only its id is left, of one that is secret only its id
// is told.
func (e *Encoder) Document(dst []byte, v *sim.Document) []byte {
	if v.Secret() && !v.Removed {
		return append(jsontext.AppendString(append(dst, `{"id":`...), v.ID), '}')
	}
	if v.Removed || len(v.Body) == 0 {
		return append(jsontext.AppendString(append(dst, `{"id":`...), v.ID), `,"removed":true}`...)
	}
	return append(dst, v.Body...)
}
