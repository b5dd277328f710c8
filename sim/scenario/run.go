package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Custodian is what a script is played against. It is used by one goroutine at
// a time.
type Custodian interface {
	// Do carries out a request of the HTTP face and returns the status and body
	// of its answer. The path may have a query. An error means that there was
	// no answer at all.
	Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (status int, answer []byte, err error)
}

// Result is what came of a script.
type Result struct {
	Name string `json:"name"`
	// Steps is how many steps were played, the failed one included.
	Steps int `json:"steps"`
	// Failure is nil where everything was as expected.
	Failure *Failure      `json:"failure,omitempty"`
	Took    time.Duration `json:"-"`
}

// Failure says where a script failed and why.
type Failure struct {
	// Line is that of the step, Step its number from 1 and its name.
	Line int    `json:"line"`
	Step string `json:"step"`
	// Problems are all differences that the step found.
	Problems []string `json:"problems"`
	// Answer is the answer to the step's request, shortened.
	Answer string `json:"answer,omitempty"`
}

// Run plays a script. It stops at the first step that fails. The error is that
// of the context; all else is in the result.
func Run(ctx context.Context, s *Scenario, c Custodian) (*Result, error) {
	start := time.Now()
	p := &player{custodian: c, headers: s.Headers, variables: variables{}}
	result := &Result{Name: s.Name}
	fail := func(i int, problems []string) {
		step := &s.Steps[i]
		label := strconv.Itoa(i + 1)
		if step.Name != "" {
			label += " (" + step.Name + ")"
		}
		result.Failure = &Failure{Line: step.Line, Step: label, Problems: problems, Answer: p.shown()}
	}
	defer func() { result.Took = time.Since(start) }()
	// What the opening caused is not what the first step caused.
	if err := p.skip(ctx); err != nil {
		fail(0, []string{err.Error()})
		return result, ctx.Err()
	}
	for i := range s.Steps {
		result.Steps = i + 1
		if problems := p.play(ctx, &s.Steps[i]); len(problems) > 0 {
			fail(i, problems)
			break
		}
	}
	return result, ctx.Err()
}

// player plays the steps of one script.
type player struct {
	custodian Custodian
	headers   map[string]string // of every request
	variables variables
	// seen is the last event that was compared or passed over.
	seen   uint64
	answer []byte
}

func (p *player) shown() string {
	text := strings.TrimSpace(string(p.answer))
	if len(text) > 4*showBytes {
		text = text[:4*showBytes] + "…"
	}
	return text
}

func (p *player) play(ctx context.Context, s *Step) []string {
	p.answer = nil
	if err := p.move(ctx, s); err != nil {
		return []string{err.Error()}
	}
	var problems []string
	if s.Method != "" {
		problems = p.request(ctx, s)
	}
	before := p.seen
	events, err := p.caused(ctx)
	if err != nil {
		if r, refused := errors.AsType[*refusal](err); refused && r.unavailable() && s.Events == nil && s.Postings == nil {
			return problems // offline on purpose; a later step sees what happened
		}
		return append(problems, err.Error())
	}
	if s.Events != nil {
		var types []string
		for _, e := range events {
			types = append(types, e.Type)
		}
		problems = append(problems, compareLists("events", s.Events, types)...)
	}
	if s.Postings != nil {
		postings, err := p.posted(ctx, before)
		if err != nil {
			return append(problems, err.Error())
		}
		problems = append(problems, compareLists("postings", s.Postings, postings)...)
	}
	return problems
}

// move moves the clock as the step says.
func (p *player) move(ctx context.Context, s *Step) error {
	var body string
	switch {
	case !s.At.IsZero():
		body = fmt.Sprintf(`{"to":%q}`, s.At.Format(time.RFC3339Nano))
	case s.After > 0:
		body = fmt.Sprintf(`{"by":%q}`, s.After)
	case s.NextEvent:
		body = `{"to_next_event":true}`
	default:
		return nil
	}
	status, answer, err := p.custodian.Do(ctx, http.MethodPost, "/clock/advance", p.headers, []byte(body))
	p.answer = answer
	if err != nil {
		return fmt.Errorf("moving the clock: %w", err)
	}
	if status != http.StatusOK {
		return fmt.Errorf("moving the clock was answered with status %d", status)
	}
	return nil
}

func (p *player) request(ctx context.Context, s *Step) []string {
	path, err := p.variables.text(s.Path)
	if err != nil {
		return []string{err.Error()}
	}
	headers := make(map[string]string, len(p.headers)+len(s.Headers))
	for name, value := range p.headers {
		headers[http.CanonicalHeaderKey(name)] = value
	}
	for name, value := range s.Headers {
		if headers[http.CanonicalHeaderKey(name)], err = p.variables.text(value); err != nil {
			return []string{err.Error()}
		}
	}
	var body []byte
	if s.Body != nil {
		expanded, err := p.variables.expand(s.Body)
		if err != nil {
			return []string{err.Error()}
		}
		if text, ok := expanded.(string); ok && sendsText(headers) {
			body = []byte(text)
		} else if body, err = json.Marshal(expanded); err != nil {
			return []string{err.Error()}
		}
	}
	status, answer, err := p.custodian.Do(ctx, s.Method, path, headers, body)
	p.answer = answer
	if err != nil {
		return []string{err.Error()}
	}
	var problems []string
	switch {
	case s.Status == 0 && (status < 200 || status > 299):
		problems = append(problems, fmt.Sprintf("status is %d, expected any of 2xx", status))
	case s.Status != 0 && status != s.Status:
		problems = append(problems, fmt.Sprintf("status is %d, expected %d", status, s.Status))
	}
	if !s.Expects && len(s.Save) == 0 {
		return problems
	}
	value := decode(answer)
	if s.Expects {
		expected, err := p.variables.expand(s.Expect)
		if err != nil {
			return append(problems, err.Error())
		}
		problems = append(problems, Match(expected, value)...)
	}
	for name, path := range s.Save {
		part, err := find(value, path)
		if err != nil {
			problems = append(problems, err.Error())
			continue
		}
		p.variables[name] = part
	}
	slices.Sort(problems)
	return problems
}

// sendsText reports whether headers say that the body is something else than JSON.
func sendsText(headers map[string]string) bool {
	for name, value := range headers {
		if strings.EqualFold(name, "Content-Type") {
			return !strings.HasPrefix(value, "application/json")
		}
	}
	return false
}

// decode returns an answer as JSON values, or as a text where it is something else,
// such as XML. An empty one is nil.
func decode(data []byte) any {
	if len(bytes.TrimSpace(data)) == 0 {
		return nil
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return string(data)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return string(data) // such as a line of CSV that begins with a number
	}
	return v
}

// get asks for something that a step did not ask for itself.
func (p *player) get(ctx context.Context, path string, query url.Values, into any) error {
	status, answer, err := p.custodian.Do(ctx, http.MethodGet, path+"?"+query.Encode(), p.headers, nil)
	if err != nil {
		return fmt.Errorf("reading %s: %w", path, err)
	}
	if status != http.StatusOK {
		return &refusal{path, status, answer}
	}
	return json.Unmarshal(answer, into)
}

// refusal is the answer to a request of the player's own that was not carried out.
type refusal struct {
	path   string
	status int
	answer []byte
}

// Error says what was refused, and how.
func (r *refusal) Error() string {
	return fmt.Sprintf("reading %s was answered with status %d: %.200s", r.path, r.status, r.answer)
}

func (r *refusal) unavailable() bool { return r.status == http.StatusServiceUnavailable }
