package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/health/grpc_health_v1"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestAddedInstanceServesOnBothPorts(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	status := h.add("custodian-sim-001")
	if status.State != StateRunning || !status.Ready || status.ManagedBy != FromAPI ||
		status.Schema != "custodian_sim_001" || status.RedisPrefix != "custodian:sim:001:" {
		t.Errorf("status %+v", status)
	}
	h.deposit(status.HTTPAddr, "d-1")
	h.want(http.StatusOK, http.MethodGet, status.HTTPAddr, "/api/v1/ready", "")
	answer, err := grpc_health_v1.NewHealthClient(dialGRPC(t, status.GRPCAddr)).Check(h.ctx, &grpc_health_v1.HealthCheckRequest{})
	if err != nil || answer.GetStatus() != grpc_health_v1.HealthCheckResponse_SERVING {
		t.Errorf("gRPC health: %v, %v", answer, err)
	}
	if list := h.List(); len(list) != 1 || list[0].Name != "custodian-sim-001" {
		t.Errorf("List: %+v", list)
	}
	if got, want := h.states("custodian-sim-001"), []string{"pending", "starting", "running"}; !slices.Equal(got, want) {
		t.Errorf("states %v, want %v", got, want)
	}
	if len(h.scrape(`instance="custodian-sim-001"`)) == 0 {
		t.Error("the instance has no series")
	}
}

func TestConflictsNameBothSidesAndChangeNothing(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	first := h.add("alpha-bank")
	_, port, _ := strings.Cut(first.HTTPAddr, ":")
	_, tag, err := h.Desired(h.ctx)
	if err != nil {
		t.Fatal(err)
	}
	keys := map[string]string{"port": "http_port", "schema": "schema", "prefix": "redis_prefix"}
	for what, other := range map[string]config.Instance{
		"name":   entry(t, "alpha-bank"),
		"port":   entry(t, "beta-bank", `"http_port":`+port, fmt.Sprintf(`"grpc_port":%d`, freePort(t))),
		"schema": entry(t, "beta-bank", `"schema":"alpha_bank"`),
		"prefix": entry(t, "beta-bank", `"redis_prefix":"custodian:alpha:bank:sub:"`),
	} {
		_, err := h.Add(h.ctx, other, true)
		wantKind(t, err, KindConflict, "alpha-bank")
		if what != "name" {
			wantKind(t, err, KindConflict, "beta-bank")
			// The key is one of the entry's, as whoever added it wrote it.
			if refused, _ := errors.AsType[*Error](err); len(refused.Problems) != 1 || refused.Problems[0].Key != keys[what] {
				t.Errorf("%s: problems %+v, want one with %s", what, refused.Problems, keys[what])
			}
		}
	}
	if _, now, _ := h.Desired(h.ctx); now != tag || len(h.List()) != 1 {
		t.Errorf("a refused addition changed something: %+v", h.List())
	}
	h.deposit(first.HTTPAddr, "d-1")
}

func TestInstanceThatDoesNotStartIsForgotten(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	taken := bound(t)
	_, port, _ := strings.Cut(taken.address, ":")
	doomed := entry(t, "doomed", `"http_port":`+port, fmt.Sprintf(`"grpc_port":%d`, freePort(t)))
	_, err := h.Add(h.ctx, doomed, true)
	wantKind(t, err, KindUnavailable, "doomed", "is taken", "forgotten")
	if list := h.List(); len(list) != 0 {
		t.Errorf("it is still there: %+v", list)
	}
	if doc, _, _ := h.Desired(h.ctx); len(doc.Instances)+len(doc.Drained) != 0 {
		t.Errorf("it is still desired: %+v", doc)
	}
	if !refuses(fmt.Sprintf("127.0.0.1:%d", doomed.GRPCPort)) {
		t.Error("its other port is open")
	}
	if left := h.scrape(`instance="doomed"`); len(left) != 0 {
		t.Errorf("series left: %v", left)
	}
	_ = taken.close()
	h.add("doomed", `"http_port":`+port, fmt.Sprintf(`"grpc_port":%d`, doomed.GRPCPort))
}

func TestOpeningThatTheBooksRefuseEndsTheFirstStart(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	// Each amount is fine by itself; together they are more than books can hold.
	_, err := h.Add(h.ctx, entry(t, "greedy", `"limits":{"max_holdings":1}`,
		`"opening":{"balances":[{"account_id":"a","currency":"USD","available_balance":"1"},{"account_id":"a","currency":"EUR","available_balance":"1"}]}`), true)
	wantKind(t, err, KindUnavailable, "greedy", "opening")
	if len(h.List()) != 0 {
		t.Errorf("it is still there: %+v", h.List())
	}
}

func TestUnknownInstancesAreNotFound(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	for what, op := range map[string]func() (Status, error){
		"get":     func() (Status, error) { return h.Get("nobody") },
		"drain":   func() (Status, error) { return h.Drain(h.ctx, "nobody", 0, true) },
		"start":   func() (Status, error) { return h.Start(h.ctx, "nobody", true) },
		"restart": func() (Status, error) { return h.Restart(h.ctx, "nobody", 0, true) },
		"pause":   func() (Status, error) { return h.Pause(h.ctx, "nobody") },
		"resume":  func() (Status, error) { return h.Resume(h.ctx, "nobody") },
		"reset":   func() (Status, error) { return h.Reset(h.ctx, "nobody", 0, true) },
		"remove":  func() (Status, error) { return h.Remove(h.ctx, "nobody", RemoveOptions{}) },
	} {
		_, err := op()
		t.Log(what)
		wantKind(t, err, KindNotFound, "nobody")
	}
}

func TestStatesAreCounted(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	h.add("one")
	h.add("two")
	h.add("three")
	h.must(h.Drain(h.ctx, "two", 0, true))
	h.must(h.Pause(h.ctx, "three"))
	for state, want := range map[State]int{StateRunning: 1, StateDrained: 1, StatePaused: 1, StateFailed: 0, StateStarting: 0} {
		if lines := h.scrape(fmt.Sprintf(`custodian_instances{state=%q}`, state)); len(lines) != 1 || !strings.HasSuffix(lines[0], fmt.Sprintf(" %d", want)) {
			t.Errorf("%s: %v, want %d", state, lines, want)
		}
	}
	if r := h.Readiness(); !r.Ready || r.Status != "ready" || len(r.NotReady) != 0 {
		t.Errorf("readiness %+v", r)
	}
}

func TestFollowersSeeEveryChangeOnceAndInOrder(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	ctx, stop := context.WithCancel(h.ctx)
	var got []Event
	followed := make(chan error, 1)
	go func() {
		followed <- h.Follow(ctx, 0, func(batch []Event) error {
			got = append(got, batch...)
			if got[len(got)-1].State == "removed" {
				stop()
			}
			return nil
		})
	}()
	h.add("one")
	h.must(h.Drain(h.ctx, "one", 0, true))
	h.must(h.Remove(h.ctx, "one", RemoveOptions{Wait: true}))
	if err := <-followed; !errors.Is(err, context.Canceled) {
		t.Errorf("Follow: %v", err)
	}
	for n, e := range got {
		if e.ID != uint64(n+1) {
			t.Fatalf("event %d has id %d", n+1, e.ID)
		}
	}
	kept, last := h.Events(got[2].ID)
	if len(kept) != len(got)-3 || last != got[len(got)-1].ID || kept[0] != got[3] {
		t.Errorf("resumed behind %d: %+v, last %d", got[2].ID, kept, last)
	}
}
