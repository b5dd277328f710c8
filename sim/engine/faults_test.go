package engine_test

import (
	"context"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func failing(status int, rate string) sim.AddFault {
	return sim.AddFault{Effect: sim.FaultEffect{HTTPError: &sim.HTTPFault{Rate: amount(rate), Status: status}}}
}

func TestFaultsOfFacesBeginAndEndOnceTheyAreDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		g := b.gate()
		added := b.doLater(failing(503, "1"))
		<-g.entered
		if got := b.FaceFault(sim.FaceHTTP); got != (sim.FaceFault{}) {
			t.Errorf("a fault that is not durable does %+v", got)
		}
		b.open(g)
		if a := <-added; a.Err != nil {
			t.Fatal(a.Err)
		}
		if got := b.FaceFault(sim.FaceHTTP); got.HTTPStatus != 503 || got.Err == nil {
			t.Errorf("a durable fault does %+v", got)
		}
		if got := b.FaceFault(sim.FaceGRPC); got != (sim.FaceFault{}) {
			t.Errorf("a fault of the other face does %+v", got)
		}
		b.must(deposit("a")) // an event of another kind leaves the faults alone
		b.wantFinish()

		again := start(t, store)
		if got := again.FaceFault(sim.FaceHTTP); got.HTTPStatus != 503 {
			t.Errorf("after a restart the fault does %+v", got)
		}
		rules, now, err := again.Faults(context.Background())
		if err != nil || len(rules) != 1 || now.Before(rules[0].Since) {
			t.Errorf("the rules are %+v at %s, %v", rules, now, err)
		}
		if v, err := again.Document(context.Background(), sim.DocumentFault, rules[0].ID); err != nil || v.ID != rules[0].ID {
			t.Errorf("the rule's document is %+v, %v", v, err)
		}
		again.must(sim.ClearFaults{})
		if got := again.FaceFault(sim.FaceHTTP); got != (sim.FaceFault{}) {
			t.Errorf("a cleared fault does %+v", got)
		}
		_, err = again.Document(context.Background(), sim.DocumentFault, rules[0].ID)
		again.wantCode(err, sim.CodeNotFound)
		again.wantFinish()
	})
}

func TestFaultsOfFacesRepeatAfterAStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		pattern := func(b *bundle) (calls, hooks string) {
			mark := map[bool]string{true: "x", false: "."}
			for i := range uint64(200) {
				calls += mark[b.FaceFault(sim.FaceHTTP).Err != nil]
				hooks += mark[b.WebhookFault(i, "one").Drop]
			}
			return calls, hooks
		}
		b := start(t, store)
		if got := b.WebhookFault(1, "one"); got != (sim.WebhookFault{}) {
			t.Errorf("without a rule a webhook meets %+v", got)
		}
		b.must(failing(500, "0.5"))
		b.must(sim.AddFault{Effect: sim.FaultEffect{Webhook: &sim.WebhookRule{Action: sim.WebhookDrop, Rate: amount("0.5")}}})
		calls, hooks := pattern(b)
		b.wantFinish()
		again := start(t, store)
		if c, h := pattern(again); c != calls || h != hooks {
			t.Errorf("calls met\n%s and then\n%s, webhooks\n%s and then\n%s", calls, c, hooks, h)
		}
		again.wantFinish()
	})
}

func TestAnOfflineCustodianComesBackByItself(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore(), withWallClock)
		rule, refusal := sim.CustodianOffline{DurationS: 7200, ErrorMessage: "system_maintenance"}.Rule()
		if refusal != nil {
			t.Fatal(refusal)
		}
		b.must(rule)
		_, err := b.do(deposit("a"))
		b.wantCode(err, sim.CodeOffline)
		for _, face := range []sim.Face{sim.FaceHTTP, sim.FaceGRPC} {
			if got := b.FaceFault(face); got.Err == nil || got.Err.Code != sim.CodeOffline || got.Err.Message != "system_maintenance" {
				t.Errorf("the face meets %+v", got)
			}
		}
		if err := b.Ready(); err != nil {
			t.Errorf("the engine says %v", err)
		}
		time.Sleep(2*time.Hour + time.Second)
		b.must(deposit("a"))
		if got := b.FaceFault(sim.FaceHTTP); got != (sim.FaceFault{}) {
			t.Errorf("afterwards a face meets %+v", got)
		}
		b.wantFinish()
	})
}

func TestBooksAreReadWithWhatIsDurable(t *testing.T) {
	bubble(t, func(t *testing.T) {
		b := start(t, memory.NewStore())
		b.must(deposit("a"))
		b.must(sim.AddFault{Effect: sim.FaultEffect{Book: &sim.BookFault{Symbol: "BTC", Amount: amount("-1")}}})
		lines, err := b.Books(context.Background())
		if err != nil || len(lines) != 1 || lines[0].Ours.String() != "1" || !lines[0].Theirs.IsZero() || lines[0].Difference.String() != "-1" {
			t.Errorf("the books are %+v, %v", lines, err)
		}
		b.wantFinish()
		_, err = b.Books(context.Background())
		b.wantCode(err, sim.CodeDraining)
	})
}

func BenchmarkFaceFaultWithoutFaults(b *testing.B) {
	bundle := start(b, memory.NewStore(), func(*engine.Config) {})
	b.ReportAllocs()
	for b.Loop() {
		if bundle.FaceFault(sim.FaceHTTP).Err != nil {
			b.Fatal("there is a fault")
		}
	}
	bundle.wantFinish()
}
