package sim

import (
	"encoding/json"
	"slices"
	"strconv"
	"time"
)

func (c AddFault) decide(d *decision) *Error {
	if err := c.check(d.State); err != nil {
		return err
	}
	if len(d.faults.rules) >= MaxFaults {
		return Errorf(CodeLimitReached, "%d fault rules are active, which is the limit; clear some", MaxFaults)
	}
	var until time.Time
	if c.Duration > 0 {
		if until = d.now.Add(c.Duration); until.After(lastInstant) {
			return Invalid("duration_s", "ends behind the last instance time, in the year %d", lastInstant.Year())
		}
	}
	rule := &FaultRule{
		ID: d.generator.ID(d.now).String(), Name: c.Name, Match: c.Match.clone(), Effect: c.Effect,
		Since: d.now, Until: until, Sequence: d.nextSequence(),
	}
	v := NewDocument(DocumentFault, rule.ID, rule)
	v.DueAt = rule.Until
	d.record(d.emit(EventFaultAdded), v)
	return nil
}

// clone returns a copy that shares no list with the command.
func (m FaultMatch) clone() FaultMatch {
	m.Rails, m.SettlementTypes = slices.Clone(m.Rails), slices.Clone(m.SettlementTypes)
	m.Accounts, m.Symbols = slices.Clone(m.Accounts), slices.Clone(m.Symbols)
	return m
}

func (c ClearFault) decide(d *decision) *Error {
	key := DocumentKey{DocumentFault, c.ID}
	if d.documents[key] == nil {
		return Errorf(CodeNotFound, "fault rule %s is not active", quote(c.ID))
	}
	d.remove(d.emit(EventFaultCleared), key)
	return nil
}

func (ClearFaults) decide(d *decision) *Error {
	e := d.emit(EventFaultCleared)
	for _, rule := range d.faults.rules {
		d.remove(e, DocumentKey{DocumentFault, rule.ID})
	}
	return nil
}

// lookAtFault lets a rule expire whose time is over.
func (d *decision) lookAtFault(v *Document) {
	d.remove(d.emit(EventFaultExpired), v.Key())
}

func (c AddFault) appendCanonical(dst []byte) []byte {
	match, _ := json.Marshal(c.Match) // our own types encode
	effect, _ := json.Marshal(c.Effect)
	return canonical(dst, "add-fault", c.Name, string(match), string(effect), strconv.FormatInt(int64(c.Duration), 10))
}

func (c ClearFault) appendCanonical(dst []byte) []byte { return canonical(dst, "clear-fault", c.ID) }
func (ClearFaults) appendCanonical(dst []byte) []byte  { return canonical(dst, "clear-faults") }

func (AddFault) externalKey() Key    { return Key{} }
func (ClearFault) externalKey() Key  { return Key{} }
func (ClearFaults) externalKey() Key { return Key{} }
