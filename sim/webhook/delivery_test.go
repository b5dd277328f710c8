package webhook_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

const (
	completed = sim.EventSettlementCompleted
	failed    = sim.EventSettlementFailed
	opened    = sim.EventAccountOpened
)

func TestEventsAreDeliveredInOrderAndSigned(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil)
		l.log.add(opened) // before its time
		l.run()
		l.log.add(completed, failed)
		l.log.add(opened)
		got := l.receiver.expect("/a", "2 3 4") // the receiver verifies the signatures
		if got[0].eventType != string(completed) || got[0].id == got[1].id || !strings.HasPrefix(got[0].id, "msg_") {
			t.Errorf("got %+v", got[:2])
		}
		s := l.status("a")
		if s.Cursor != 4 || s.Lag != 0 || s.LastDelivered != 4 || s.Activity != webhook.ActivityDelivering || s.Delivered != 3 {
			t.Errorf("status is %+v", s)
		}
		if l.metrics.get("delivered a") != 3 || l.metrics.get("lag a") != 0 {
			t.Errorf("metrics are %v", l.metrics.counts)
		}
		l.end()
		if got := l.status("a").Activity; got != webhook.ActivityStopped {
			t.Errorf("after the end it is %s", got)
		}
	})
}

func TestFailedDeliveriesAreRetriedEverLaterAndTheNextWaits(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) {
			o.Retry = webhook.RetryPolicy{Base: time.Second, Max: 5 * time.Second, Attempts: 10, Jitter: -1}
		}).run()
		l.receiver.answers(status(http.StatusInternalServerError))
		l.log.add(completed, failed)
		pass(8 * time.Second)
		s := l.status("a")
		if s.Activity != webhook.ActivityRetrying || s.ConsecutiveFailures != 4 || s.Attempts != 4 || s.Lag != 2 ||
			s.LastError != "answered 500 Internal Server Error" || !s.NextAttempt.Equal(time.Now().Add(4*time.Second)) {
			t.Errorf("status is %+v", s)
		}
		pass(5 * time.Second)
		l.receiver.answers(nil)
		pass(5 * time.Second)
		got := l.receiver.expect("/a", "1 1 1 1 1 1 2")
		for i, want := range []time.Duration{1, 2, 4, 5, 5, 0} {
			if wait := got[i+1].at.Sub(got[i].at); wait != want*time.Second {
				t.Errorf("attempt %d came after %s, want %d s", i+2, wait, want)
			}
		}
		if s := l.status("a"); got[0].id != got[5].id || s.ConsecutiveFailures != 0 || s.LastError != "" || s.Attempts != 0 || !s.NextAttempt.IsZero() {
			t.Errorf("ids are %s and %s, status is %+v", got[0].id, got[5].id, s)
		}
		if l.metrics.get("status a") != 5 {
			t.Errorf("metrics are %v", l.metrics.counts)
		}
	})
}

func TestTheLagIsToldWhileAnEndpointWaitsForLong(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Retry.Schedule = []time.Duration{time.Hour} }).run()
		l.receiver.answers(status(http.StatusBadGateway))
		l.log.add(completed)
		pass(time.Second)
		l.log.add(completed, completed)
		pass(10 * time.Second)
		if got := l.metrics.get("lag a"); got != 3 {
			t.Errorf("the lag is %d, want 3", got)
		}
	})
}

func TestEventsThatNobodyTakesAreGivenUpListedAndCanBeResent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.MaxFailed = 2 }).run()
		l.receiver.answers(func(w http.ResponseWriter, _ *http.Request, d delivery) {
			if d.sequence != 4 {
				w.WriteHeader(http.StatusTeapot)
			}
		})
		l.log.add(completed, completed, failed, opened)
		pass(time.Minute)
		first := l.receiver.expect("/a", "1 1 1 1 2 2 2 2 3 3 3 3 4")
		s := l.status("a")
		if s.GivenUp != 3 || s.Cursor != 4 || len(s.Failed) != 2 {
			t.Fatalf("status is %+v", s)
		}
		want := webhook.Failed{Sequence: 3, Type: string(failed), WebhookID: first[8].id, Attempts: 4, Status: 418,
			Error: "answered 418 I'm a teapot", GivenUpAt: s.Failed[1].GivenUpAt}
		if s.Failed[0].Sequence != 2 || s.Failed[1] != want {
			t.Errorf("failed are %+v, want %+v", s.Failed, want)
		}
		l.end()
		l.restart() // they are known after a restart
		l.receiver.answers(nil)
		if n, err := l.ResendFailed("a"); n != 2 || err != nil {
			t.Errorf("ResendFailed = %d, %v", n, err)
		}
		again := l.receiver.expect("/a", "2 3")
		if again[1].id != want.WebhookID {
			t.Errorf("the id was %s and is %s", want.WebhookID, again[1].id)
		}
		pass(time.Second)
		if s := l.status("a"); len(s.Failed) != 0 || s.Cursor != 4 || s.Resends != 0 || len(l.cursors.of(t, "a").Failed) != 0 {
			t.Errorf("status is %+v", s)
		}
		if n, err := l.ResendFailed("a"); n != 0 || err != nil {
			t.Errorf("ResendFailed = %d, %v", n, err)
		}
	})
}

func TestResendsSendARangeAgainThroughTheFilterAndBesideLiveEvents(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints[0].Events = []string{"settlement.*"} }).run()
		l.log.add(completed, opened, failed, completed)
		first := l.receiver.expect("/a", "1 3 4")
		if err := l.Resend("a", 2, 0); err != nil {
			t.Error(err)
		}
		if again := l.receiver.expect("/a", "3 4"); again[0].id != first[1].id {
			t.Error("the id is another one")
		}
		if err := l.Resend("a", 1, 2); err != nil {
			t.Error(err)
		}
		l.receiver.expect("/a", "1")
		for _, wrong := range []struct {
			from, until uint64
			field       string
		}{{0, 3, "from"}, {5, 0, "from"}, {3, 2, "until"}, {1, 5, "until"}} {
			err := l.Resend("a", wrong.from, wrong.until)
			code(t, err, sim.CodeInvalid)
			if !strings.HasPrefix(err.Error(), wrong.field+": ") {
				t.Errorf("Resend(%d, %d): %v", wrong.from, wrong.until, err)
			}
		}
		code(t, l.Resend("b", 1, 1), sim.CodeNotFound)

		l.receiver.answers(func(w http.ResponseWriter, _ *http.Request, d delivery) {
			if d.sequence == 1 {
				w.WriteHeader(http.StatusInternalServerError)
			}
		})
		if err := l.Resend("a", 1, 4); err != nil {
			t.Error(err)
		}
		l.receiver.expect("/a", "1")
		l.log.add(completed) // does not wait for the resend
		l.receiver.expect("/a", "5")
		for range 16 {
			if err := l.Resend("a", 1, 1); err != nil {
				t.Fatal(err)
			}
		}
		code(t, l.Resend("a", 1, 1), sim.CodeOverloaded)
		pass(5 * time.Minute)
		if s := l.status("a"); s.Resends != 0 || len(s.Failed) != 1 {
			t.Errorf("status is %+v", s)
		}
	})
}

func TestAnEventThatCannotBeRenderedIsGivenUpAtOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) {
			o.Render = func(r engine.Recorded) ([]byte, error) {
				switch r.Event.Sequence {
				case 1:
					panic("no such record")
				case 2:
					return []byte(`{"sequence":`), nil
				}
				return render(r)
			}
		}).run()
		l.log.add(completed, completed, completed)
		l.receiver.expect("/a", "3")
		s := l.status("a")
		if len(s.Failed) != 2 || s.Failed[0].Error != "rendering the event: panic: no such record" || s.Failed[0].Attempts != 0 ||
			s.Failed[1].Error != "rendering the event: the result is not JSON" {
			t.Errorf("failed are %+v", s.Failed)
		}
	})
}

func TestFiltersSelectByTypeAndTheCursorPassesTheOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints[0].Events = []string{"account.*"} }).run()
		l.log.add(slices.Repeat([]sim.EventType{completed}, 350)...)
		pass(time.Second)
		if got := l.receiver.take("/a"); len(got) != 0 || l.cursors.of(t, "a").Sequence != 350 || l.status("a").Lag != 0 {
			t.Errorf("got %v, the cursor is %d", got, l.cursors.of(t, "a").Sequence)
		}
		l.log.add(completed, opened, completed)
		l.receiver.expect("/a", "352")
		if got := l.status("a").Cursor; got != 353 {
			t.Errorf("the cursor is %d, want 353", got)
		}
	})
}

func TestCursorsAreSavedNotForEveryEvent(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.SaveEvery = 1000 }).run()
		for range 20 {
			l.log.add(completed)
			pass(100 * time.Millisecond)
		}
		pass(time.Second)
		if l.cursors.saves > 5 || l.cursors.of(t, "a").Sequence != 20 {
			t.Errorf("saved %d times, the last time %d", l.cursors.saves, l.cursors.of(t, "a").Sequence)
		}
		saves := l.cursors.saves
		pass(time.Hour)
		if l.cursors.saves != saves {
			t.Errorf("saved %d times without a change", l.cursors.saves-saves)
		}
		l.end()

		l.opts.SaveEvery, l.opts.SaveInterval = 10, time.Minute
		l.restart()
		l.log.add(slices.Repeat([]sim.EventType{completed}, 25)...)
		pass(time.Second)
		if got := l.cursors.of(t, "a").Sequence; got < 30 {
			t.Errorf("after 25 events %d is saved", got)
		}
	})
}
