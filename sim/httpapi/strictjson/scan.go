package strictjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// MaxDepth bounds the nesting of objects and arrays.
const MaxDepth = 32

// Check refuses data that is not exactly one well-formed JSON value in UTF-8,
// or is nested deeper than [MaxDepth].
func Check(data []byte) error {
	s := scanner{data: data}
	s.space()
	if s.pos == len(data) {
		return malformed(s.pos, "there is no value")
	}
	if err := s.value(0); err != nil {
		return err
	}
	s.space()
	if s.pos < len(data) {
		return malformed(s.pos, "there is more behind the value")
	}
	return nil
}

// scanner walks JSON text. Its methods leave pos behind what they scanned, or
// at what they could not make sense of.
type scanner struct {
	data []byte
	pos  int
}

// peek returns the next byte, or 0 at the end, which no JSON begins with.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

func (s *scanner) space() {
	for s.pos < len(s.data) {
		switch s.data[s.pos] {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return
		}
	}
}

func (s *scanner) unexpected(wanted string) *Error {
	if s.pos >= len(s.data) {
		return malformed(s.pos, "it ends where %s is missing", wanted)
	}
	r, _ := utf8.DecodeRune(s.data[s.pos:])
	return malformed(s.pos, "%q stands where %s should be", r, wanted)
}

func (s *scanner) value(depth int) error {
	switch c := s.peek(); {
	case c == '{':
		return s.members(depth, nil)
	case c == '[':
		return s.elements(depth, nil)
	case c == '"':
		return s.string()
	case c == '-' || isDigit(c):
		return s.number()
	case c == 't':
		return s.literal("true")
	case c == 'f':
		return s.literal("false")
	case c == 'n':
		return s.literal("null")
	default:
		return s.unexpected("a value")
	}
}

// members scans an object and calls visit, if any, with the raw text of each
// member's name and value.
func (s *scanner) members(depth int, visit func(name, value []byte) error) error {
	if depth >= MaxDepth {
		return malformed(s.pos, "nesting is deeper than %d", MaxDepth)
	}
	s.pos++ // {
	s.space()
	if s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		s.space()
		nameAt := s.pos
		if s.peek() != '"' {
			return s.unexpected("a name in double quotes")
		}
		if err := s.string(); err != nil {
			return err
		}
		nameEnd := s.pos
		s.space()
		if s.peek() != ':' {
			return s.unexpected("a colon")
		}
		s.pos++
		s.space()
		valueAt := s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(s.data[nameAt:nameEnd], s.data[valueAt:s.pos]); err != nil {
				return err
			}
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case '}':
			s.pos++
			return nil
		default:
			return s.unexpected("a comma or a closing brace")
		}
	}
}

// elements scans an array and calls visit, if any, with each element's text.
func (s *scanner) elements(depth int, visit func(i int, value []byte) error) error {
	if depth >= MaxDepth {
		return malformed(s.pos, "nesting is deeper than %d", MaxDepth)
	}
	s.pos++ // [
	s.space()
	if s.peek() == ']' {
		s.pos++
		return nil
	}
	for i := 0; ; i++ {
		s.space()
		valueAt := s.pos
		if err := s.value(depth + 1); err != nil {
			return err
		}
		if visit != nil {
			if err := visit(i, s.data[valueAt:s.pos]); err != nil {
				return err
			}
		}
		s.space()
		switch s.peek() {
		case ',':
			s.pos++
		case ']':
			s.pos++
			return nil
		default:
			return s.unexpected("a comma or a closing bracket")
		}
	}
}

func (s *scanner) literal(word string) error {
	for i := range len(word) {
		if s.peek() != word[i] {
			return s.unexpected(word)
		}
		s.pos++
	}
	return nil
}

func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if err := s.digits(); err != nil {
		return err
	}
	if s.peek() == '.' {
		s.pos++
		if err := s.digits(); err != nil {
			return err
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		return s.digits()
	}
	return nil
}

func (s *scanner) digits() error {
	if !isDigit(s.peek()) {
		return s.unexpected("a digit")
	}
	for isDigit(s.peek()) {
		s.pos++
	}
	return nil
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func (s *scanner) string() error {
	s.pos++ // "
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return nil
		case c == '\\':
			if err := s.escape(); err != nil {
				return err
			}
		case c < ' ':
			return malformed(s.pos, "a control character stands in a string unescaped")
		case c < utf8.RuneSelf:
			s.pos++
		default:
			r, size := utf8.DecodeRune(s.data[s.pos:])
			if r == utf8.RuneError && size == 1 {
				return malformed(s.pos, "a string is not UTF-8")
			}
			s.pos += size
		}
	}
	return s.unexpected("the closing quote of a string")
}

func (s *scanner) escape() error {
	at := s.pos
	s.pos++ // \
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
	default:
		return s.unexpected("an escape")
	}
	s.pos++
	first, err := s.hex4()
	if err != nil || !utf16.IsSurrogate(first) {
		return err
	}
	if s.peek() == '\\' && s.pos+1 < len(s.data) && s.data[s.pos+1] == 'u' {
		s.pos += 2
		second, err := s.hex4()
		if err != nil {
			return err
		}
		if utf16.DecodeRune(first, second) != utf8.RuneError {
			return nil
		}
	}
	return malformed(at, "half of a surrogate pair stands alone")
}

func (s *scanner) hex4() (rune, error) {
	var r rune
	for range 4 {
		c := s.peek()
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case 'a' <= c && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case 'A' <= c && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, s.unexpected("a hexadecimal digit")
		}
		s.pos++
	}
	return r, nil
}
