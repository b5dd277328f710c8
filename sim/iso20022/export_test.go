package iso20022

// CheckWritten compares a document with the sequences of a message definition,
// given as path and notation. Every element that holds elements must have a
// sequence.
func CheckWritten(data []byte, version, messageName string, table map[string]string) error {
	d, failure := readDocument(data, []string{version})
	if failure != nil {
		return failure
	}
	s := makeSchema(table)
	message, failure := d.message(messageName, s)
	if failure != nil {
		return failure
	}
	if failure := covered(s, message, ""); failure != nil {
		return failure
	}
	return nil
}

func covered(s schema, e *element, path string) *Error {
	if _, ok := s[path]; !ok && len(e.children) > 0 {
		return e.fail("has no sequence in the test")
	}
	for _, c := range e.children {
		key := c.name.Local
		if path != "" {
			key = path + "/" + key
		}
		if failure := covered(s, c, key); failure != nil {
			return failure
		}
	}
	return nil
}
