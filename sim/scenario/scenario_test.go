package scenario_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
)

// parrot is a custodian that answers what it was told to, and notes requests.
type parrot struct {
	t       *testing.T
	answers map[string]string // by method and path
	seen    []string
}

func (p *parrot) Do(_ context.Context, method, path string, _ map[string]string, body []byte) (int, []byte, error) {
	request := method + " " + path
	p.seen = append(p.seen, strings.TrimSpace(request+" "+string(body)))
	for prefix, answer := range p.answers {
		if strings.HasPrefix(request, prefix) {
			status := 200
			if _, err := fmt.Sscanf(answer, "%d ", &status); err == nil {
				_, answer, _ = strings.Cut(answer, " ")
			}
			return status, []byte(answer), nil
		}
	}
	if strings.HasPrefix(path, "/api/v1/events") {
		return 200, []byte(`{"events":[],"next_cursor":null}`), nil
	}
	if strings.HasPrefix(path, "/api/v1/ledger/entries") {
		return 200, []byte(`{"entries":[],"next_cursor":null}`), nil
	}
	return 404, []byte(`{"code":"not_found"}`), nil
}

func play(t *testing.T, script string, answers map[string]string) (*scenario.Result, *parrot) {
	t.Helper()
	s, err := scenario.Parse([]byte(script))
	if err != nil {
		t.Fatal(err)
	}
	p := &parrot{t: t, answers: answers}
	r, err := scenario.Run(t.Context(), s, p)
	if err != nil {
		t.Fatal(err)
	}
	return r, p
}

func TestAStepSendsItsRequestWithWhatWasSavedBefore(t *testing.T) {
	t.Parallel()
	r, p := play(t, `
name: saved
steps:
  - request: POST /api/v1/settlements
    body: {quantity: 19000.00, metadata: {n: 1, on: yes please}}
    status: 201
    expect: {status: PENDING, quantity: 19000.00, history: {$length: 2}, hold: {status: {$not: HELD}}, completed_at: {$absent: true}, settlement_id: {$any: true}}
    save: {id: settlement_id, first: history.0.status}
  - request: GET /api/v1/settlements/${id}?x=${first}
`, map[string]string{
		"POST /api/v1/settlements": `201 {"settlement_id":"s-1","status":"PENDING","quantity":"19000.00","history":[{"status":"ACKNOWLEDGED"},{"status":"HELD"}],"hold":{"status":"RELEASED"},"completed_at":null}`,
		"GET /api/v1/settlements/": `{}`,
	})
	if r.Failure != nil {
		t.Fatalf("failed: %+v", r.Failure)
	}
	want := []string{`POST /api/v1/settlements {"metadata":{"n":1,"on":"yes please"},"quantity":19000.00}`, "GET /api/v1/settlements/s-1?x=ACKNOWLEDGED"}
	for _, w := range want {
		if !strings.Contains(strings.Join(p.seen, "\n"), w) {
			t.Errorf("requests were %q, expected %q among them", p.seen, w)
		}
	}
}

func TestTimeMovesBeforeTheRequest(t *testing.T) {
	t.Parallel()
	r, p := play(t, `
name: time
steps:
  - at: "2026-11-23T16:00:00-05:00"
  - after: 90m
  - next_event: true
    request: GET /clock
`, map[string]string{"POST /clock/advance": `{"now":"2026-11-23T21:00:00Z","events":0}`, "GET /clock": `{}`})
	if r.Failure != nil {
		t.Fatalf("failed: %+v", r.Failure)
	}
	var moves []string
	for _, s := range p.seen {
		if strings.Contains(s, "clock") {
			moves = append(moves, s)
		}
	}
	want := []string{`POST /clock/advance {"to":"2026-11-23T16:00:00-05:00"}`, `POST /clock/advance {"by":"1h30m0s"}`, `POST /clock/advance {"to_next_event":true}`, "GET /clock"}
	if strings.Join(moves, "\n") != strings.Join(want, "\n") {
		t.Errorf("the clock was moved by %q, expected %q", moves, want)
	}
}

func TestWhatDiffersIsReportedWithLineAndStep(t *testing.T) {
	t.Parallel()
	answers := map[string]string{
		"GET /api/v1/events?after=0": `{"events":[{"sequence":1,"type":"account.opened"}]}`,
		"GET /api/v1/events?after=1": `{"events":[{"sequence":2,"type":"clock.advanced"},{"sequence":3,"type":"settlement.completed"}]}`,
		"GET /api/v1/ledger/entries?after=1": `{"entries":[{"symbol":"BTC","amount":"1","debit":{"account_id":"DEPOSITORY","bucket":"MIRROR"},
			"credit":{"account_id":"a","bucket":"AVAILABLE"}}],"next_cursor":null}`,
		"GET /x": `409 {"code":"wrong_state","list":[1,2],"text":"t"}`,
	}
	for name, c := range map[string]struct{ step, want string }{
		"status":             {"status: 200", "status is 409, expected 200"},
		"no success":         {"name: n", "status is 409, expected any of 2xx"},
		"scalar":             {"{status: 409, expect: {code: other}}", `code is "wrong_state", expected "other"`},
		"missing member":     {"{status: 409, expect: {nothing: 1}}", "nothing is missing, expected 1"},
		"missing nested":     {"{status: 409, expect: {code: {deep: 1}}}", `code is "wrong_state", expected an object`},
		"list length":        {"{status: 409, expect: {list: [1]}}", "list is [1,2], expected 1 elements"},
		"list element":       {"{status: 409, expect: {list: [1, 3]}}", "list.1 is 2, expected 3"},
		"contains":           {"{status: 409, expect: {list: {$contains: [2, 1]}}}", "expected it to contain 1"},
		"length":             {"{status: 409, expect: {list: {$length: 3}}}", "list has length 2, expected 3"},
		"not":                {"{status: 409, expect: {text: {$not: t}}}", `text is "t", expected anything else`},
		"any":                {"{status: 409, expect: {gone: {$any: true}}}", "gone is missing, expected any value"},
		"absent":             {"{status: 409, expect: {text: {$absent: true}}}", `text is "t", expected none`},
		"unknown operator":   {"{status: 409, expect: {text: {$like: t}}}", "cannot be compared by $like"},
		"events":             {"{status: 409, events: []}", "events are \n    settlement.completed, expected none"},
		"postings":           {"{status: 409, postings: [1 BTC a AVAILABLE -> b AVAILABLE]}", "1 BTC DEPOSITORY MIRROR -> a AVAILABLE, expected"},
		"unsaved variable":   {"{status: 409, headers: {a: '${b}'}}", "${b} was not saved"},
		"unsaved in a body":  {"{body: {a: '${b}'}}", "${b} was not saved"},
		"save of no part":    {"{status: 409, save: {a: code.x}}", "the answer has no x (of code.x)"},
		"save of no element": {"{status: 409, save: {a: list.7}}", "the answer has no element 7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := strings.TrimSuffix(strings.TrimPrefix(c.step, "{"), "}")
			r, _ := play(t, "name: n\nsteps:\n  - {request: GET /x, "+step+"}\n", answers)
			if r.Failure == nil {
				t.Fatal("nothing was reported")
			}
			if r.Failure.Line != 3 || !strings.HasPrefix(r.Failure.Step, "1") || !strings.Contains(strings.Join(r.Failure.Problems, "\n"), c.want) {
				t.Errorf("reported %+v, expected %q in line 3", r.Failure, c.want)
			}
		})
	}
	for name, step := range map[string]string{
		"as they are": "{status: 409, events: [settlement.completed], postings: [1 BTC DEPOSITORY MIRROR  ->  a AVAILABLE]}",
		"with a rest": "{status: 409, events: [..., settlement.completed, ...], postings: [...]}",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			step := strings.TrimSuffix(strings.TrimPrefix(step, "{"), "}")
			if r, _ := play(t, "name: n\nsteps:\n  - {request: GET /x, "+step+"}\n", answers); r.Failure != nil {
				t.Errorf("reported %+v", r.Failure)
			}
		})
	}
}

func TestMistakesInAScriptNameTheLine(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 60) + strings.Repeat("]", 60)
	for name, c := range map[string]struct{ script, want string }{
		"empty":            {"", "empty"},
		"no YAML":          {"name: [", "line 1"},
		"two documents":    {"name: a\n---\nname: b", "second document"},
		"no name":          {"steps: [{request: GET /x}]", "line 1: name is required"},
		"no steps":         {"name: a", "steps is required"},
		"unknown key":      {"name: a\nstps: []", "line 2: stps: unknown key"},
		"unknown step key": {"name: a\nsteps:\n  - requst: GET /x", "line 3: requst: unknown key"},
		"twice":            {"name: a\nsteps:\n  - {request: GET /x, status: 200, status: 201}", "status is there twice"},
		"bad request":      {"name: a\nsteps:\n  - request: FETCH /x", "is no method and path"},
		"no slash":         {"name: a\nsteps:\n  - request: GET x", "is no method and path"},
		"bad time":         {"name: a\nsteps:\n  - at: tomorrow", "is no time"},
		"bad duration":     {"name: a\nsteps:\n  - after: -1h", "is no duration above zero"},
		"two moves":        {"name: a\nsteps:\n  - {after: 1h, next_event: true}", "at most one of"},
		"nothing to do":    {"name: a\nsteps:\n  - name: x", "does nothing"},
		"body alone":       {"name: a\nsteps:\n  - {after: 1h, body: {}}", "request is required"},
		"bad status":       {"name: a\nsteps:\n  - {request: GET /x, status: 42}", "is no HTTP status"},
		"list of maps":     {"name: a\nsteps:\n  - {request: GET /x, events: [{a: b}]}", "list of texts"},
		"steps no list":    {"name: a\nsteps: {}", "steps must be a list"},
		"custodian text":   {"name: a\ncustodian: x\nsteps: []", "custodian must be a mapping"},
		"too deep":         {"name: a\nsteps:\n  - {request: GET /x, body: " + deep + "}", "too large"},
		"cycle":            {"name: a\nsteps:\n  - {request: GET /x, body: &a [*a]}", "line 3"},
		"bomb": {"name: a\na0: &a0 [x,x,x,x,x,x,x,x,x,x]\na1: &a1 [*a0,*a0,*a0,*a0,*a0,*a0,*a0,*a0,*a0,*a0]\nsteps: []",
			"unknown key"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scenario.Parse([]byte(c.script))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, expected one with %q", err, c.want)
			}
		})
	}
	if _, err := scenario.Parse([]byte("name: a\n" + strings.Repeat("# x\n", scenario.MaxBytes/4))); err == nil {
		t.Error("a file above the limit was read")
	}
}

func TestNumbersKeepTheirDigits(t *testing.T) {
	t.Parallel()
	s, err := scenario.Parse([]byte("name: a\nsteps:\n  - {request: GET /x, body: {a: 100.10, b: 1e3, c: 0x10, d: 1_000, e: .5, f: 9007199254740993}}"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := json.Marshal(s.Steps[0].Body)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"a":100.10,"b":1e3,"c":"0x10","d":"1_000","e":".5","f":9007199254740993}`; string(got) != want {
		t.Errorf("the body is %s, expected %s", got, want)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("name: a\ncustodian: {profile: instant}\nsteps:\n  - {at: \"2026-11-23T09:00:00-05:00\", request: GET /x, expect: {a: [1, {$any: true}]}, save: {a: b.c}, events: [a], postings: [...]}"))
	f.Add([]byte("name: a\nsteps:\n  - &s {request: GET /x, body: &b [*b]}\n  - *s"))
	f.Add([]byte("name: a\nsteps: &s [*s]"))
	f.Add([]byte("name: &a {<<: *a}\nsteps: []"))
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := scenario.Parse(data)
		if err != nil {
			return
		}
		if s.Name == "" || len(s.Steps) == 0 {
			t.Errorf("a script without name or steps was accepted: %q", data)
		}
		if _, err := scenario.Run(t.Context(), s, &parrot{t: t}); err != nil {
			t.Errorf("playing %q: %v", data, err)
		}
	})
}

func TestStepsThatCompareNothingGoOnWhileTheCustodianIsOffline(t *testing.T) {
	t.Parallel()
	const script = `
name: offline
steps:
  - {request: POST /chaos/custodian-offline, body: {duration_s: 60}}
  - {request: GET /api/v1/accounts, status: 503%s}
`
	for extra, want := range map[string]string{"": "", ", events: []": "reading /api/v1/events was answered with status 503"} {
		s, err := scenario.Parse(fmt.Appendf(nil, script, extra))
		if err != nil {
			t.Fatal(err)
		}
		offline := &offlineParrot{parrot: parrot{t: t, answers: map[string]string{"POST /chaos": "201 {}"}}}
		r, err := scenario.Run(t.Context(), s, offline)
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case want == "" && r.Failure != nil:
			t.Errorf("failed with %v", r.Failure.Problems)
		case want != "" && (r.Failure == nil || !strings.HasPrefix(r.Failure.Problems[0], want)):
			t.Errorf("result is %+v, want %s", r.Failure, want)
		}
	}
}

// offlineParrot refuses everything once it has been taken offline.
type offlineParrot struct {
	parrot
	offline bool
}

func (p *offlineParrot) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	if p.offline {
		return 503, []byte(`{"code":"custodian_offline"}`), nil
	}
	p.offline = strings.HasPrefix(path, "/chaos/custodian-offline")
	return p.parrot.Do(ctx, method, path, headers, body)
}

func TestTextsAreSentAndComparedAsTheyAre(t *testing.T) {
	t.Parallel()
	r, p := play(t, `
name: texts
steps:
  - request: POST /api/v1/iso20022
    headers: {content-type: application/xml}
    body: "<a/>"
    expect: {$contains: ["<b>", "</b>"]}
  - {request: POST /api/v1/other, body: "<a/>", expect: {$contains: ["</b>", "<b>"]}}
`, map[string]string{"POST /api/v1/iso20022": "<b>1</b>", "POST /api/v1/other": "200 1,<b>1</b>"})
	if r.Failure == nil || r.Failure.Line != 8 || !strings.Contains(r.Failure.Problems[0], `expected it to contain "<b>"`) {
		t.Errorf("result is %+v", r.Failure)
	}
	if sent := strings.Join(p.seen, "\n"); !strings.Contains(sent, "POST /api/v1/iso20022 <a/>") || !strings.Contains(sent, `POST /api/v1/other "\u003ca/\u003e"`) {
		t.Errorf("sent %s", sent)
	}
}
