package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// Scenario is a script. It is immutable once parsed.
type Scenario struct {
	// Name says what the script shows; Description says more.
	Name        string
	Description string
	// Covers names the rules that the script is there for, such as "transition 9".
	Covers []string
	// Custodian is the instance to start: an entry of instances: in the
	// configuration, as JSON values.
	Custodian map[string]any
	// Headers go with every request, those by which the runner looks included;
	// a step's own stand above them. An API key is one of them.
	Headers map[string]string
	Steps   []Step
}

// Step is one request, with the time to move to before it and what is expected
// after it. A step without a request only moves the time and looks.
type Step struct {
	// Line is where the step stands in the file.
	Line int
	Name string

	// At, After and NextEvent move the clock; at most one is set.
	At        time.Time
	After     time.Duration
	NextEvent bool

	// Method and Path are the request's; empty where there is none.
	Method  string
	Path    string
	Headers map[string]string
	// Body is JSON values, or nil.
	Body any

	// Status is the expected status; zero means any of 2xx.
	Status int
	// Expect is what the answer has to hold; see [Match]. Expects tells nil from
	// no expectation.
	Expect  any
	Expects bool
	// Save names parts of the answer: variable to path, such as
	// history.0.status.
	Save map[string]string
	// Events and Postings are what the step has caused; nil where not compared.
	Events   []string
	Postings []string
}

// Parse reads a script. The errors name the line.
func Parse(data []byte) (*Scenario, error) {
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("the script is too large: at most %d bytes are allowed", MaxBytes)
	}
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	var document, more yaml.Node
	if err := decoder.Decode(&document); errors.Is(err, io.EOF) {
		return nil, errors.New("the script is empty")
	} else if err != nil {
		return nil, errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	if err := decoder.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, errors.New("the file holds a second document; put each script into a file of its own")
	}
	p := &parser{}
	return p.scenario(document.Content[0])
}

// parser turns YAML into a script.
type parser struct{ reader reader }

// fields calls the reader of each member of a mapping.
func (p *parser) fields(n *yaml.Node, what string, readers map[string]func(*yaml.Node) error) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return problem(n.Line, "%s must be a mapping", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		read, known := readers[key.Value]
		switch {
		case !known:
			return problem(key.Line, "%s: unknown key; allowed in %s: %s", key.Value, what, strings.Join(slices.Sorted(maps.Keys(readers)), ", "))
		case seen[key.Value]:
			return problem(key.Line, "%s is there twice", key.Value)
		}
		seen[key.Value] = true
		if err := read(n.Content[i+1]); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) scenario(n *yaml.Node) (*Scenario, error) {
	s := &Scenario{Custodian: map[string]any{}}
	err := p.fields(n, "a script", map[string]func(*yaml.Node) error{
		"name":        text("name", &s.Name),
		"description": text("description", &s.Description),
		"covers":      texts("covers", &s.Covers),
		"headers":     func(n *yaml.Node) error { return textMap("headers", n, &s.Headers) },
		"custodian": func(n *yaml.Node) error {
			v, err := p.reader.value(n, 0)
			if err != nil {
				return err
			}
			m, ok := v.(map[string]any)
			if !ok {
				return problem(n.Line, "custodian must be a mapping: an entry of instances: in the configuration")
			}
			s.Custodian = m
			return nil
		},
		"steps": func(n *yaml.Node) error {
			if n.Kind != yaml.SequenceNode {
				return problem(n.Line, "steps must be a list")
			}
			if len(n.Content) > MaxSteps {
				return problem(n.Line, "there are %d steps; at most %d are allowed", len(n.Content), MaxSteps)
			}
			for _, c := range n.Content {
				step, err := p.step(c)
				if err != nil {
					return err
				}
				s.Steps = append(s.Steps, *step)
			}
			return nil
		},
	})
	switch {
	case err != nil:
		return nil, err
	case s.Name == "":
		return nil, problem(n.Line, "name is required: say what the script shows")
	case len(s.Steps) == 0:
		return nil, problem(n.Line, "steps is required: a script without steps shows nothing")
	}
	return s, nil
}

// methods are those that a request may have.
var methods = []string{"GET", "POST", "PUT", "PATCH", "DELETE"}

func (p *parser) step(n *yaml.Node) (*Step, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	s := &Step{Line: n.Line}
	var request string
	moves := 0
	err := p.fields(n, "a step", map[string]func(*yaml.Node) error{
		"name": text("name", &s.Name),
		"at": func(n *yaml.Node) (err error) {
			moves++
			if s.At, err = time.Parse(time.RFC3339Nano, n.Value); err != nil {
				return problem(n.Line, `at: %q is no time; write RFC 3339, such as "2026-11-23T09:00:00-05:00"`, n.Value)
			}
			return nil
		},
		"after": func(n *yaml.Node) (err error) {
			moves++
			if s.After, err = time.ParseDuration(n.Value); err != nil || s.After <= 0 {
				return problem(n.Line, "after: %q is no duration above zero; write such as 90m or 24h", n.Value)
			}
			return nil
		},
		"next_event": func(n *yaml.Node) error {
			moves++
			s.NextEvent = true
			if n.Value != "true" {
				return problem(n.Line, "next_event must be true, or left out")
			}
			return nil
		},
		"request": text("request", &request),
		"headers": func(n *yaml.Node) error { return textMap("headers", n, &s.Headers) },
		"body": func(n *yaml.Node) (err error) {
			s.Body, err = p.reader.value(n, 0)
			return err
		},
		"status": func(n *yaml.Node) error {
			if err := n.Decode(&s.Status); err != nil || s.Status < 100 || s.Status > 599 {
				return problem(n.Line, "status: %q is no HTTP status", n.Value)
			}
			return nil
		},
		"expect": func(n *yaml.Node) (err error) {
			s.Expects = true
			s.Expect, err = p.reader.value(n, 0)
			return err
		},
		"save":     func(n *yaml.Node) error { return textMap("save", n, &s.Save) },
		"events":   texts("events", &s.Events),
		"postings": texts("postings", &s.Postings),
	})
	if err != nil {
		return nil, err
	}
	if moves > 1 {
		return nil, problem(n.Line, "give at most one of at, after and next_event")
	}
	if request == "" {
		if s.Body != nil || s.Status != 0 || s.Expects || len(s.Save) > 0 || len(s.Headers) > 0 {
			return nil, problem(n.Line, "request is required where body, headers, status, expect or save is given")
		}
		if moves == 0 && s.Events == nil && s.Postings == nil {
			return nil, problem(n.Line, "the step does nothing; give a request, a time to move to, or events or postings to expect")
		}
		return s, nil
	}
	method, path, _ := strings.Cut(request, " ")
	if !slices.Contains(methods, method) || !strings.HasPrefix(path, "/") || strings.ContainsAny(path, " \t") {
		return nil, problem(n.Line, "request: %q is no method and path; write such as POST /api/v1/settlements (methods: %s)", request, strings.Join(methods, ", "))
	}
	s.Method, s.Path = method, path
	return s, nil
}

func text(name string, into *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.ScalarNode {
			return problem(n.Line, "%s must be text", name)
		}
		*into = n.Value
		return nil
	}
}

// texts reads a list of texts. An empty list is not nil: nothing is expected.
func texts(name string, into *[]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.SequenceNode {
			return problem(n.Line, "%s must be a list", name)
		}
		*into = make([]string, 0, len(n.Content))
		for _, c := range n.Content {
			if c.Kind != yaml.ScalarNode {
				return problem(c.Line, "%s must be a list of texts", name)
			}
			*into = append(*into, c.Value)
		}
		return nil
	}
}

func textMap(name string, n *yaml.Node, into *map[string]string) error {
	if n.Kind != yaml.MappingNode {
		return problem(n.Line, "%s must be a mapping of texts", name)
	}
	*into = make(map[string]string, len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Kind != yaml.ScalarNode {
			return problem(n.Content[i+1].Line, "%s must be a mapping of texts", name)
		}
		(*into)[n.Content[i].Value] = n.Content[i+1].Value
	}
	return nil
}
