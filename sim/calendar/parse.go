package calendar

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of a calendar's file.
const (
	maxFileBytes = 1 << 20
	maxNameChars = 100
)

// parser reads the text of one calendar. Lines beginning with # say nothing. The
// head is made of keys with their values, each once and in any order:
//
//	calendar NYSE
//	title    New York Stock Exchange
//	zone     America/New_York
//	weekend  Sat Sun                  days, or "none"
//	close    16:00
//	first    2020-01-01
//	last     2030-12-31
//
// Then come the exceptions in order of their dates. The weekday says nothing new
// but must be right, so that a mistyped date is found:
//
//	2025-07-03 Thu 13:00  Day before Independence Day
//	2025-07-04 Fri closed Independence Day
type parser struct {
	calendar *Calendar
	seen     map[string]bool
	latest   Date
}

// keys are the lines of a file's head.
var keys = []string{"calendar", "title", "zone", "weekend", "close", "first", "last"}

// parse reads a calendar's file. Errors name the line.
func parse(text string) (*Calendar, error) {
	if len(text) > maxFileBytes {
		return nil, fmt.Errorf("%d bytes: a calendar has at most %d", len(text), maxFileBytes)
	}
	if !utf8.ValidString(text) {
		return nil, errors.New("not valid UTF-8")
	}
	p := parser{calendar: &Calendar{exceptions: map[Date]exception{}}, seen: map[string]bool{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := p.line(line); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := p.complete(); err != nil {
		return nil, err
	}
	return p.calendar, nil
}

// cut splits the first word off a line.
func cut(line string) (word, rest string) {
	at := strings.IndexAny(line, " \t")
	if at < 0 {
		return line, ""
	}
	return line[:at], strings.TrimLeft(line[at:], " \t")
}

func (p *parser) line(line string) error {
	word, rest := cut(line)
	if word[0] >= '0' && word[0] <= '9' {
		if err := p.complete(); err != nil {
			return fmt.Errorf("a date before the head is complete: %w", err)
		}
		return p.exception(word, rest)
	}
	if p.seen[word] {
		return fmt.Errorf("%s is given twice", word)
	}
	if rest == "" {
		return fmt.Errorf("%s has no value", word)
	}
	if utf8.RuneCountInString(rest) > maxNameChars {
		return fmt.Errorf("%s is too long: at most %d characters", word, maxNameChars)
	}
	if err := p.head(word, rest); err != nil {
		return err
	}
	p.seen[word] = true
	return nil
}

func (p *parser) head(key, value string) (err error) {
	c := p.calendar
	switch key {
	case "calendar":
		c.name = value
		if value != strings.ToUpper(value) || strings.ContainsAny(value, " \t") {
			err = fmt.Errorf("%q: a name is one word in upper case", value)
		}
	case "title":
		c.title = value
	case "zone":
		c.location, err = loadLocation(value)
	case "weekend":
		err = p.weekend(value)
	case "close":
		c.close, err = ParseTimeOfDay(value)
	case "first":
		c.first, err = ParseDate(value)
	case "last":
		c.last, err = ParseDate(value)
	default:
		return fmt.Errorf("unknown key %q: allowed are %s, and dates", key, strings.Join(keys, ", "))
	}
	if err != nil {
		return fmt.Errorf("%s: %w", key, err)
	}
	return nil
}

// loadLocation refuses the names that mean another zone on another machine.
func loadLocation(name string) (*time.Location, error) {
	if name == "" || name == "Local" {
		return nil, fmt.Errorf("%q: a zone has a name of the IANA database, like America/New_York", name)
	}
	loc, err := time.LoadLocation(name)
	if err != nil {
		return nil, fmt.Errorf("%w (where the system has no time zone database, the program must import time/tzdata)", err)
	}
	return loc, nil
}

func (p *parser) weekend(value string) error {
	p.calendar.weekend, p.calendar.weekdays = [7]bool{}, 7
	if value == "none" {
		return nil
	}
	for word := range strings.FieldsSeq(value) {
		day, ok := weekday(word)
		if !ok || p.calendar.weekend[day] {
			return fmt.Errorf("%q: days are Mon Tue Wed Thu Fri Sat Sun, each at most once, or none", word)
		}
		p.calendar.weekend[day] = true
		p.calendar.weekdays--
	}
	if p.calendar.weekdays == 0 {
		return errors.New("a week needs a day that is no weekend")
	}
	return nil
}

// weekday reads the first three letters of a day's name.
func weekday(short string) (time.Weekday, bool) {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if short == day.String()[:3] {
			return day, true
		}
	}
	return 0, false
}

// complete reports what the head lacks.
func (p *parser) complete() error {
	for _, key := range keys {
		if !p.seen[key] {
			return fmt.Errorf("%s is missing", key)
		}
	}
	if p.calendar.last.Before(p.calendar.first) {
		return fmt.Errorf("last %s lies before first %s", p.calendar.last, p.calendar.first)
	}
	return nil
}

func (p *parser) exception(word, rest string) error {
	c := p.calendar
	d, err := ParseDate(word)
	if err != nil {
		return fmt.Errorf("%q: %w", word, err)
	}
	short, rest := cut(rest)
	if day := d.Weekday().String()[:3]; short != day {
		return fmt.Errorf("%s is a %s, not %q", d, day, short)
	}
	what, name := cut(rest)
	switch {
	case !c.Covers(d):
		return fmt.Errorf("%s lies outside %s to %s", d, c.first, c.last)
	case !d.After(p.latest):
		return fmt.Errorf("%s does not come after %s", d, p.latest)
	case name == "" || utf8.RuneCountInString(name) > maxNameChars:
		return fmt.Errorf("%s needs a name of at most %d characters", d, maxNameChars)
	}
	e := exception{name: name, closed: what == "closed"}
	if !e.closed {
		if e.close, err = ParseTimeOfDay(what); err != nil {
			return fmt.Errorf("%s: %q is neither \"closed\" nor an early close: %w", d, what, err)
		}
		if c.weekend[d.Weekday()] || e.close >= c.close {
			return fmt.Errorf("%s cannot close at %s: it needs to be a weekday and before %s", d, e.close, c.close)
		}
	}
	c.exceptions[d] = e
	p.latest = d
	return nil
}
