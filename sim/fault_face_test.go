package sim_test

import (
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestFacesMeetTheirFaults(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	if b.state.FaceFaults() != nil {
		t.Fatal("there are faults before any was added")
	}
	b.accept(sim.AddFault{Effect: delayOfAnHour})
	if b.state.FaceFaults() != nil {
		t.Fatal("a fault of settlements is one of faces")
	}
	b.accept(sim.AddFault{Effect: sim.FaultEffect{LatencyMillis: 20}})
	b.accept(sim.AddFault{Effect: sim.FaultEffect{LatencyMillis: 30}})
	b.accept(sim.AddFault{Effect: sim.FaultEffect{HTTPError: &sim.HTTPFault{Rate: amount("1"), Status: 502}}, Duration: time.Hour})
	b.accept(sim.AddFault{Effect: sim.FaultEffect{GRPCError: &sim.GRPCFault{Rate: amount("1"), Code: "ABORTED"}}})
	b.accept(sim.AddFault{Effect: sim.FaultEffect{Offline: &sim.OfflineFault{Message: "away"}}})
	g := sim.NewGenerator("faces", 1)
	faults := b.state.FaceFaults()
	http := faults.OnCall(sim.FaceHTTP, b.now, g)
	if http.Latency != 30*time.Millisecond || http.HTTPStatus != 502 || http.GRPCCode != "" || http.Err == nil || http.Err.Code != sim.CodeFault {
		t.Errorf("HTTP meets %+v", http)
	}
	if grpc := faults.OnCall(sim.FaceGRPC, b.now, g); grpc.GRPCCode != "ABORTED" || grpc.HTTPStatus != 0 || grpc.Err == nil {
		t.Errorf("gRPC meets %+v", grpc)
	}
	// Two hours later a rule is over, though its timer has not run yet.
	if late := faults.OnCall(sim.FaceHTTP, b.now.Add(2*time.Hour), g); late.HTTPStatus != 0 || late.Err == nil || late.Err.Code != sim.CodeOffline {
		t.Errorf("later HTTP meets %+v", late)
	}
	b.accept(sim.ClearFaults{})
	if b.state.FaceFaults() != nil {
		t.Error("cleared faults are there")
	}
}

func TestFaultsOfFacesHonourInstanceTime(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.AddFault{Effect: sim.FaultEffect{LatencyMillis: 20}, Duration: time.Hour})
	b.accept(sim.SetClock{Mode: sim.ClockManual})
	g := sim.NewGenerator("faces", 1)
	if got := b.state.FaceFaults().OnCall(sim.FaceHTTP, b.now.Add(100*time.Hour), g); got.Latency == 0 {
		t.Error("the fault ended by the real clock, the instance's stands still")
	}
}

func TestErrorRatesOfFacesRepeatBySeed(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	b.accept(sim.AddFault{Effect: sim.FaultEffect{HTTPError: &sim.HTTPFault{Rate: amount("0.25"), Status: 500}}})
	one, other, failed := sim.NewGenerator("faces", 1), sim.NewGenerator("faces", 1), 0
	for range 1000 {
		got := b.state.FaceFaults().OnCall(sim.FaceHTTP, b.now, one)
		if again := b.state.FaceFaults().OnCall(sim.FaceHTTP, b.now, other); (got.Err == nil) != (again.Err == nil) {
			t.Fatal("the same call meets another fault")
		}
		if got.Err != nil {
			failed++
		}
	}
	if failed < 200 || failed > 300 {
		t.Errorf("0.25 came %d times of 1000", failed)
	}
}

func TestWebhookFaultsDependOnEventAndEndpointAlone(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for _, action := range []sim.WebhookAction{sim.WebhookDrop, sim.WebhookDuplicate, sim.WebhookReorder} {
		b.accept(sim.AddFault{Effect: sim.FaultEffect{Webhook: &sim.WebhookRule{Action: action, Rate: amount("0.5")}}})
	}
	faults := b.state.FaceFaults()
	var dropped, duplicated, reordered, differ int
	for sequence := range uint64(1000) {
		got := faults.OnWebhook(b.now, 1, sequence, "one")
		if faults.OnWebhook(b.now, 1, sequence, "one") != got || b.reload(wideRules()).state.FaceFaults().OnWebhook(b.now, 1, sequence, "one") != got {
			t.Fatal("asked again, the answer differs")
		}
		for n, came := range map[*int]bool{&dropped: got.Drop, &duplicated: got.Duplicate, &reordered: got.Reorder,
			&differ: faults.OnWebhook(b.now, 1, sequence, "two") != got} {
			if came {
				*n++
			}
		}
	}
	for _, n := range []int{dropped, duplicated, reordered} {
		if n < 430 || n > 570 {
			t.Errorf("of 1000 events %d are dropped, %d duplicated, %d reordered", dropped, duplicated, reordered)
		}
	}
	if differ < 500 {
		t.Errorf("two endpoints differ in %d events of 1000", differ)
	}
	var none *sim.FaceFaults
	if none.OnWebhook(b.now, 1, 1, "one") != (sim.WebhookFault{}) || none.OnCall(sim.FaceHTTP, b.now, nil) != (sim.FaceFault{}) {
		t.Error("no rules do something")
	}
}
