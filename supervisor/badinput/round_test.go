package badinput

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

// findingsMax is how many findings end a round.
const findingsMax = 12

// round is a run of requests of one seed against one process.
type round struct {
	testing.TB
	process  *process
	seed     uint64
	dice     *dice
	sent     int
	findings int
	// accepted counts the requests that were accepted, by operation or method.
	accepted map[string]int
	instance [2]*target
	admin    *target
}

// target is one HTTP server and what is known of it.
type target struct {
	maker
	connection
	grpc *grpc.ClientConn
	// faults counts the requests until faults are taken away; 0 for none.
	faults int
}

// newRound prepares a round against two instances, and a process of its own for
// the admin API: what it does there ends instances.
func newRound(t testing.TB, seed uint64, p, administered *process) *round {
	r := &round{TB: t, process: p, seed: seed, dice: newDice(seed), accepted: map[string]int{}}
	for i, name := range instanceNames {
		http, rpc := p.address(name)
		r.instance[i] = r.target(http)
		conn, err := grpc.NewClient(rpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		r.instance[i].grpc = conn
	}
	r.instance[0].foreign, r.instance[1].foreign = r.instance[1].pool, r.instance[0].pool
	r.admin = r.target(administered.admin)
	r.admin.foreign = r.admin.pool
	r.admin.names = []string{"one", "two", "three", "four"}
	return r
}

var instanceNames = [2]string{"bank", "instant"}

func (r *round) target(host string) *target {
	r.Helper()
	t := &target{connection: connection{host: host}}
	r.Cleanup(t.close)
	text, err := t.send((&request{method: "GET", target: "/openapi.json"}).bytes(host), "GET")
	if err != nil || text.status != 200 {
		r.Fatalf("the document of %s: %+v, %v", host, text, err)
	}
	doc, err := readDocument(text.body)
	if err != nil {
		r.Fatalf("the document of %s: %v", host, err)
	}
	t.maker = maker{doc: doc, words: &words{dice: r.dice, pool: newPool(), enums: doc.enums}}
	return t
}

// find reports a finding.
func (r *round) find(format string, args ...any) {
	r.Helper()
	r.findings++
	r.Errorf("seed %d, request %d: %s", r.seed, r.sent, fmt.Sprintf(format, args...))
}

// run sends a number of requests over all faces, which it counts.
func (r *round) run(requests int, counted *atomic.Uint64) {
	r.Helper()
	before := counted.Load()
	for r.sent < requests && r.findings < findingsMax {
		counted.Store(before + uint64(r.sent))
		t := r.instance[0]
		if r.dice.in(3) {
			t = r.instance[1]
		}
		switch n := r.dice.IntN(100); {
		case n < 55:
			r.http(t)
		case n < 87:
			r.call(t)
		case n < 96:
			r.http(r.admin)
		case n < 98:
			r.raw(t)
		default:
			r.raw(r.admin)
		}
		if bad := r.process.log.bad(); bad != "" {
			r.find("the log has\n%s", bad)
			return
		}
		r.endFaults()
	}
}

// mode decides how good the next request is.
func (r *round) mode() mode { return pick(r.dice, []mode{valid, valid, boundary, broken}) }

// http sends a request made from the document.
func (r *round) http(t *target) {
	r.Helper()
	t.mode = r.mode()
	o := pick(r.dice, t.doc.operations)
	if slices.Contains(rare, o.id) && !r.dice.in(5) {
		return
	}
	r.exchange(t, t.request(o))
}

// exchange sends a request and checks the answer.
func (r *round) exchange(t *target, q *request) {
	r.Helper()
	r.sent++
	o := q.operation
	a, err := t.send(q.bytes(t.host), q.method)
	if err != nil {
		r.find("there is no answer: %v\n%s", err, q.curl(t.host))
		return
	}
	if err := t.doc.check(q, a); err != nil {
		r.find("%v\nmode %s, answered %d %s %v\n%s", err, q.mode, a.status, quote(string(cut(a.body))), a.header, cut([]byte(q.curl(t.host))))
		return
	}
	if a.status >= 300 {
		return
	}
	r.accepted[o.method+" "+o.path]++
	t.pool.learnJSON(r.dice, o.path, a.body)
	switch {
	case o.id == "get-snapshot" && q.method == "GET":
		t.snapshot = a.body
	case o.id == "get-config" && q.method == "GET" && a.status == 200:
		t.desired = a.body
	}
	if t != r.admin && q.method == "POST" && strings.HasPrefix(o.path, "/chaos/") {
		t.suffer(q.body)
	}
}

// rare are operations that take long, or after which little is left.
var rare = []string{"advanceClock", "setClock", "put-config", "get-profile"}

// suffer lets faults that were just added last for a while, or not where they
// cost time.
func (t *target) suffer(body string) {
	t.faults = max(t.faults, 6)
	if strings.Contains(body, "latency") {
		t.faults = 1
	}
}

// endFaults takes faults away whose time is over.
func (r *round) endFaults() {
	r.Helper()
	for _, t := range r.instance {
		if t.faults == 0 {
			continue
		}
		if t.faults--; t.faults > 0 {
			continue
		}
		if id := t.pool.last("rule_id"); id != "" && r.dice.in(2) { // one by one
			o := t.doc.find("DELETE", "/chaos/rules/x")
			r.exchange(t, &request{method: "DELETE", target: "/chaos/rules/" + url.PathEscape(id), operation: o})
		}
		q := &request{method: "DELETE", target: "/chaos/clear-all"}
		if a, err := t.send(q.bytes(t.host), q.method); err != nil || a.status != 200 {
			r.find("faults are not taken away: %+v, %v", a, err)
		}
	}
}

// serves checks that all is well after the requests: the instances serve.
func (r *round) serves() {
	r.Helper()
	for i, t := range r.instance {
		t.faults = 1
		r.endFaults()
		q := &request{method: "POST", target: "/api/v1/settlements", headers: [][2]string{{"Content-Type", "application/json"}},
			body: `{"settlement_type":"DEPOSIT","account_id":"afterwards","symbol":"BTC","quantity":"1"}`}
		a, err := t.send(q.bytes(t.host), q.method)
		if err != nil || a.status != 201 {
			r.find("%s does not serve: %+v, %v", instanceNames[i], a, err)
		}
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := t.grpc.Invoke(ctx, "/custodian.ClockService/GetClock", &raw{}, &raw{}, grpc.ForceCodecV2(rawCodec{})); err != nil {
			r.find("%s does not serve gRPC: %v", instanceNames[i], err)
		}
		if s, err := r.process.Get(instanceNames[i]); err != nil || s.Restarts != 0 {
			r.find("%s was restarted: %+v, %v", instanceNames[i], s, err)
		}
	}
}

// cut shortens what is shown.
func cut(text []byte) []byte {
	const most = 2500
	if len(text) > most {
		return append(slices.Clone(text[:most]), fmt.Sprintf("… (%d bytes)", len(text))...)
	}
	return text
}

// finish gives up connections, so that servers need not wait for them.
func (r *round) finish() {
	for _, t := range []*target{r.instance[0], r.instance[1], r.admin} {
		t.close()
		if t.grpc != nil {
			_ = t.grpc.Close() // nothing more is expected of it
		}
	}
}

// everything names all operations and methods.
func (r *round) everything() (all []string) {
	for _, doc := range []*document{r.instance[0].doc, r.admin.doc} {
		for _, o := range doc.operations {
			all = append(all, o.method+" "+o.path)
		}
	}
	for _, m := range methods() {
		all = append(all, "/"+string(m.Parent().FullName())+"/"+string(m.Name()))
	}
	slices.Sort(all)
	return all
}
