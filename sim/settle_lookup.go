package sim

import "github.com/google/uuid"

// errNeedsLookup asks for what the tables know about a request's settlements. It
// never leaves [State.Decide].
var errNeedsLookup = Errorf(CodeInternal, "a lookup in the tables is needed")

// Settlements returns what a lookup has to find besides the request's keys: the
// settlements with these ids and external ids, once the tables have reached what
// is durable. Those of final settlements never change any more, so that a lookup
// stays good.
func (r *Request) Settlements() (ids []uuid.UUID, externalIDs []string) {
	switch c := r.Command.(type) {
	case ReverseSettlement:
		return []uuid.UUID{c.ID}, nil
	case Instruct:
		for _, l := range c.Links {
			externalIDs = append(externalIDs, l.ExternalID)
		}
	}
	return nil, externalIDs
}

// finalSettlement returns a final settlement, or nil where there is none with the
// id. It reports false where the tables must be asked.
func (d *decision) finalSettlement(id uuid.UUID) (st *Settlement, known bool) {
	if d.lookup == nil {
		return nil, false
	}
	for _, st := range d.lookup.Settlements {
		if st.ID == id {
			return st, st.Status.Final()
		}
	}
	return nil, true
}

// settlementByExternalID returns the settlement with an external id, open or
// final, or nil where there is none. It reports false where the tables must be
// asked.
func (d *decision) settlementByExternalID(externalID string) (st *Settlement, known bool) {
	if id, open := d.index.byExternal[externalID]; open {
		return d.open[id], true
	}
	switch _, answer := d.keys.check(Key{KeyExternal, externalID}, d.lookup); answer {
	case keyUnused:
		return nil, true
	case keyNeedsLookup:
		return nil, false
	}
	if d.lookup != nil {
		for _, st := range d.lookup.Settlements {
			if st.ExternalID == externalID {
				return st, st.Status.Final() // else it became final since
			}
		}
	}
	return nil, false
}

// linkKeys returns the keys of the instructions that a command links to: a lookup
// tells whether they were ever given.
func linkKeys(c Command) []Key {
	i, ok := c.(Instruct)
	if !ok {
		return nil
	}
	var keys []Key
	for _, l := range i.Links {
		keys = append(keys, Key{KeyExternal, l.ExternalID})
	}
	return keys
}
