package profile

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
)

// Override returns p with the fields that a JSON document names, in the shape of
// a [Profile], replaced by the document's. Groups and rails are merged field by
// field, so a rail's cut-off changes alone; lists are replaced whole; a rail that
// is null is taken off. Whether the result makes sense, [Profile.Validate] tells.
//
// Unknown fields, values of the wrong type and anything after the document are
// errors. p itself stays as it is.
func (p Profile) Override(document []byte) (Profile, error) {
	out := p.Clone()
	restore := []func(){
		putAside(&out.Settlement.Counterparty.Rules), putAside(&out.Approvals.Tiers), putAside(&out.Approvals.Simulated.Names),
	}
	if err := strict(document, &out); err != nil {
		return Profile{}, fmt.Errorf("overriding profile %s: %w", p.Name, err)
	}
	for _, f := range restore {
		f()
	}
	return out, nil
}

// putAside empties a list and returns a function that puts it back, unless
// another came in its place. Without, the decoder would reuse the elements, and
// what a document leaves out of one would remain from the list before.
func putAside[T any](list *[]T) (restore func()) {
	before := *list
	*list = nil
	return func() {
		if *list == nil {
			*list = before
		}
	}
}

// UnmarshalJSON merges the rails that a document names into those that are there.
// Unknown fields are refused, and null takes a rail off.
func (r *Rails) UnmarshalJSON(document []byte) error {
	var given map[string]json.RawMessage
	if err := json.Unmarshal(document, &given); err != nil {
		return err
	}
	if *r == nil {
		*r = make(Rails, len(given))
	}
	for name, text := range given {
		if string(text) == "null" {
			delete(*r, name)
			continue
		}
		rail := (*r)[name]
		restore := putAside(&rail.Kinds)
		if err := strict(text, &rail); err != nil {
			return fmt.Errorf("rails.%s: %w", name, err)
		}
		restore()
		(*r)[name] = rail
	}
	return nil
}

func strict(document []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(document))
	d.DisallowUnknownFields()
	if err := d.Decode(into); err != nil {
		return err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there must be one document and nothing after it")
	}
	return nil
}
