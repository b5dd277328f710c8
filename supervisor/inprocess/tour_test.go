package inprocess_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/inprocess"
)

const (
	tourFile     = "../../README.md"
	tourConfig   = "../../configs/custodians.yaml"
	tourInstance = "global-custody-bank"
	tourBegin    = "<!-- played by supervisor/inprocess -->"
	tourEnd      = "<!-- end -->"
	leftOut      = "…" // stands for what an output leaves out
)

// example is a command of the tour and what it is shown to answer.
type example struct {
	command string
	output  string
}

// readTour returns the examples of the part of the README that is played.
func readTour(t *testing.T) []example {
	t.Helper()
	text, err := os.ReadFile(tourFile)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), tourBegin)
	tour, _, ends := strings.Cut(rest, tourEnd)
	if !begins || !ends {
		t.Fatalf("%s has no part between %q and %q", tourFile, tourBegin, tourEnd)
	}
	var all []example
	inCommand := false
	for line := range strings.Lines(tour) {
		code, isCode := strings.CutPrefix(line, "    ")
		if !isCode {
			continue
		}
		if command, begins := strings.CutPrefix(code, "$ "); begins {
			all = append(all, example{command: command})
			inCommand = true
		} else if last := &all[len(all)-1]; inCommand {
			last.command += code
		} else {
			last.output += code
		}
		// A command goes on while a quotation is open, or after a backslash.
		command := all[len(all)-1].command
		inCommand = inCommand && (strings.Count(command, "'")%2 == 1 || strings.HasSuffix(strings.TrimSpace(command), `\`))
	}
	return all
}

var (
	assignment = regexp.MustCompile(`([A-Z]+)=('[^']*'|\S+)`)
	word       = regexp.MustCompile(`'[^']*'|"[^"]*"|[^\s'"\\]+`)
	anID       = regexp.MustCompile(`^\{"[a-z]+_id":"([0-9a-f-]{36})"`)
)

// shell knows as much of one as the tour needs: variables, and curl.
type shell struct {
	variables map[string]string
	handler   http.Handler
	answered  string
}

func (s *shell) run(t *testing.T, command string) string {
	t.Helper()
	if !strings.HasPrefix(command, "curl ") {
		for _, set := range assignment.FindAllStringSubmatch(command, -1) {
			value := strings.Trim(set[2], "'")
			if strings.HasSuffix(value, leftOut) { // an id of the answer before
				id := anID.FindStringSubmatch(s.answered)
				if id == nil || !strings.HasPrefix(id[1], strings.TrimSuffix(value, leftOut)) {
					t.Fatalf("%s\nis not the id of %s", command, s.answered)
				}
				value = id[1]
			}
			s.variables[set[1]] = value
		}
		return ""
	}
	request := s.curl(t, word.FindAllString(command, -1)[1:])
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, request)
	s.answered = recorder.Body.String()
	return s.answered
}

// curl makes the request of the arguments.
func (s *shell) curl(t *testing.T, words []string) *http.Request {
	t.Helper()
	method, target, data, header := http.MethodGet, "", "", http.Header{}
	explicit := false
	for i := 0; i < len(words); i++ {
		next := func() string { i++; return s.expand(words[i]) }
		switch words[i] {
		case "-s":
		case "-X":
			method, explicit = next(), true
		case "-H":
			name, value, _ := strings.Cut(next(), ": ")
			header.Set(name, value)
		case "-d":
			data = next()
			if !explicit {
				method = http.MethodPost
			}
		default:
			if target != "" {
				t.Fatalf("curl %v has two targets, or an option that the tour may not use", words)
			}
			target = "http://" + s.expand(words[i])
		}
	}
	var body io.Reader
	if data != "" {
		body = strings.NewReader(data)
	}
	request := httptest.NewRequestWithContext(t.Context(), method, target, body)
	request.Header = header
	return request
}

func (s *shell) expand(word string) string {
	if text, quoted := strings.CutPrefix(word, "'"); quoted {
		return strings.TrimSuffix(text, "'")
	}
	return os.Expand(strings.Trim(word, `"`), func(name string) string { return s.variables[name] })
}

var space = regexp.MustCompile(`\s+`)

// shows reports whether an output is the answer, white space aside and but for
// what it leaves out.
func shows(output, answer string) bool {
	parts := strings.Split(space.ReplaceAllString(output, ""), leftOut)
	rest, found := strings.CutPrefix(space.ReplaceAllString(answer, ""), parts[0])
	for _, part := range parts[1:] {
		if !found {
			return false
		}
		var before string
		if before, rest, found = strings.Cut(rest, part); part == "" {
			rest, found = before+rest, true
		}
	}
	last := parts[len(parts)-1]
	return found && (rest == "" || len(parts) > 1 && strings.HasSuffix(rest, last))
}

func TestTheTourOfTheReadmeGivesWhatItShows(t *testing.T) {
	t.Parallel()
	settings, err := config.Load(config.Options{Files: []string{filepath.FromSlash(tourConfig)}})
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(settings.Instances, func(i config.Instance) bool { return i.Name == tourInstance })
	if at < 0 {
		t.Fatalf("%s has no instance %s", tourConfig, tourInstance)
	}
	custodian, err := inprocess.Start(t.Context(), settings.Resolve(settings.Instances[at]), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := custodian.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Errorf("closing: %v", err)
		}
	})
	bank := &shell{variables: map[string]string{}, handler: custodian.Handler()}
	examples := readTour(t)
	if len(examples) < 20 {
		t.Fatalf("the tour has %d examples only", len(examples))
	}
	for _, e := range examples {
		answer := bank.run(t, e.command)
		if e.output != "" && !shows(e.output, answer) {
			t.Errorf("%s\nis shown to answer\n%s\nand answers\n%s", e.command, e.output, answer)
		}
	}
}

func TestAnOutputShowsAnAnswer(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		output, answer string
		want           bool
	}{
		"the same":                        {`{"a": 1}`, `{"a":1}`, true},
		"another":                         {`{"a":2}`, `{"a":1}`, false},
		"the middle left out":             {`{"a":1, … "c":3}`, `{"a":1,"b":2,"c":3}`, true},
		"the end left out":                {`{"a":1, … }`, `{"a":1,"b":2}`, true},
		"all but a part":                  {`{ … "b":2, … }`, `{"a":1,"b":2,"c":3}`, true},
		"a part that is not there":        {`{ … "d":2, … }`, `{"a":1,"b":2,"c":3}`, false},
		"more behind the end":             {`{"a":1}`, `{"a":1}{"b":2}`, false},
		"parts in the order they are not": {`{ … "c":3 … "a":1 … }`, `{"a":1,"b":2,"c":3}`, false},
		"an end that comes twice":         {`{ … }`, `{"a":{}}`, true},
		"an end that is another":          {`{ … "b":2}`, `{"a":1,"b":2,"c":3}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := shows(c.output, c.answer); got != c.want {
				t.Errorf("shows(%s, %s) = %t", c.output, c.answer, got)
			}
		})
	}
}
