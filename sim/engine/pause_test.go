package engine_test

import (
	"encoding/json"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/memory"
)

func TestAScaledClockStandsStillInAPauseAndGoesOnWhereItStood(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store, withWallClock)
		b.must(sim.SetClock{Mode: sim.ClockScaled, Factor: 60, Instant: noon.AddDate(1, 0, 0), Real: time.Now()})
		b.must(lasting(30 * time.Minute))
		time.Sleep(10 * time.Second) // ten minutes of instance time
		b.SetPaused(true)
		synctest.Wait()
		time.Sleep(time.Hour)

		// Also over a restart.
		b.wantFinish()
		b = newBundle(t, store, withWallClock)
		b.SetPaused(true)
		b.run()
		time.Sleep(time.Hour)
		b.SetPaused(false)
		synctest.Wait()
		setting, now, _, err := b.Clock(t.Context())
		if want := noon.AddDate(1, 0, 0).Add(10 * time.Minute); err != nil || setting.Paused || now.Before(want) || now.After(want.Add(time.Second)) {
			t.Errorf("the clock is %+v and shows %s, %v; expected %s", setting, now, err, want)
		}
		if got := b.faults(); got != 1 {
			t.Errorf("there are %d faults, expected that none has expired in the pause", got)
		}
		time.Sleep(21 * time.Second)
		if got := b.faults(); got != 0 {
			t.Errorf("there are %d faults, expected that the clock runs again", got)
		}
		b.wantFinish()
	})
}

func TestWebhookStatesAreKeptInTheBooksInAPauseToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.SetPaused(true)
		if err := b.SaveWebhook(t.Context(), "ops", []byte(`{"sequence":7}`)); err != nil {
			t.Fatal(err)
		}
		for name, bad := range map[string]string{"no object": "7", "no JSON": "{", "nothing": ""} {
			if err := b.SaveWebhook(t.Context(), "ops", []byte(bad)); sim.CodeOf(err) != sim.CodeInvalid {
				t.Errorf("%s: answered %v", name, err)
			}
		}
		b.wantFinish()
		b = start(t, store)
		var state struct{ Sequence uint64 }
		body, err := b.WebhookState(t.Context(), "ops")
		if err != nil || json.Unmarshal(body, &state) != nil || state.Sequence != 7 {
			t.Errorf("kept %s, %v", body, err)
		}
		for range 2 { // the second time there is nothing to forget
			if err := b.ForgetWebhook(t.Context(), "ops"); err != nil {
				t.Error(err)
			}
		}
		if body, err := b.WebhookState(t.Context(), "ops"); body != nil || err != nil {
			t.Errorf("kept %s, %v after it was forgotten", body, err)
		}
		b.wantFinish()
	})
}

func TestSettingsOfWebhookEndpointsAreKeptInTheBooksInAPauseToo(t *testing.T) {
	bubble(t, func(t *testing.T) {
		store := memory.NewStore()
		b := start(t, store)
		b.SetPaused(true)
		for _, id := range []string{"b", "a"} {
			if err := b.SaveWebhookEndpoint(t.Context(), id, []byte(`{"url":"u"}`), []byte(`{"sequence":7}`)); err != nil {
				t.Fatal(err)
			}
		}
		if err := b.SaveWebhookEndpoint(t.Context(), "c", []byte(`{}`), nil); sim.CodeOf(err) != sim.CodeNotFound {
			t.Errorf("settings without a state are answered with %v", err)
		}
		b.wantFinish()
		b = start(t, store)
		b.SetPaused(true)
		for range 2 { // the second time there is nothing to forget
			if err := b.ForgetWebhookSettings(t.Context(), "b"); err != nil {
				t.Error(err)
			}
		}
		kept, err := b.WebhookEndpoints(t.Context())
		if err != nil || len(kept) != 1 || kept[0].ID != "a" || string(kept[0].Body) != `{"url":"u"}` {
			t.Errorf("kept are %v, %v", kept, err)
		}
		if body, err := b.WebhookState(t.Context(), "b"); err != nil || string(body) != `{"sequence":7}` {
			t.Errorf("of the other is kept %s, %v", body, err)
		}
		b.wantFinish()
	})
}

func TestChangesOfStatusAreCountedOnceAndMeasuredInInstanceTime(t *testing.T) {
	bubble(t, func(t *testing.T) {
		m := &measured{latency: make(map[string]time.Duration)}
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Domain = m }).manual(0)
		c := deposit("a").(sim.Instruct)
		c.Hold = true
		held := b.must(c).Settlement
		b.must(sim.AdvanceClock{By: 30 * time.Minute})
		b.must(sim.ReleaseSettlement{ID: held.ID})
		b.must(deposit("b"))
		b.must(lasting(time.Hour))
		b.wantFinish()
		if got := b.metrics.settled.Load(); got != 3 {
			t.Errorf("%d changes of status were counted, expected PENDING and COMPLETED of one and COMPLETED of another", got)
		}
		if got := m.latency["DEPOSIT"]; got != 0 {
			t.Errorf("the last deposit took %s, expected no time at all", got)
		}
		if m.longest != 30*time.Minute {
			t.Errorf("the longest took %s of instance time, expected 30m", m.longest)
		}
		if want := (sim.Gauges{ActiveFaults: 1}); m.gauges != want {
			t.Errorf("open is %+v, expected %+v", m.gauges, want)
		}
	})
}

// measured keeps what it is told; it is to be read once the engine has ended.
type measured struct {
	gauges  sim.Gauges
	latency map[string]time.Duration
	longest time.Duration
	status  []string
}

func (m *measured) RecordTransferProcessed(status, _ string) { m.status = append(m.status, status) }
func (m *measured) RecordSettlementLatency(kind string, took time.Duration) {
	m.latency[kind] = took
	m.longest = max(m.longest, took)
}
func (m *measured) RecordTransferLatency(rail string, took time.Duration) { m.latency[rail] = took }
func (m *measured) SetGauges(g sim.Gauges)                                { m.gauges = g }

func TestNothingIsAnsweredWhileAnotherProcessMayOwnTheBooks(t *testing.T) {
	bubble(t, func(t *testing.T) {
		var owned atomic.Bool
		owned.Store(true)
		b := start(t, memory.NewStore(), func(c *engine.Config) { c.Owned = owned.Load })
		b.must(deposit("a"))
		answers := func() map[string]error {
			_, do := b.do(deposit("a"))
			_, read := b.Books(t.Context())
			_, events := b.Events(t.Context(), 0, 10)
			return map[string]error{"a request": do, "a read": read, "events": events, "readiness": b.Ready()}
		}
		owned.Store(false)
		for what, err := range answers() {
			t.Log(what)
			b.wantCode(err, sim.CodeUnavailable)
		}
		owned.Store(true)
		for what, err := range answers() {
			if err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		b.wantFinish()
	})
}
