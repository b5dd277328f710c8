package webhook_test

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

func TestAfterACrashDeliveriesGoOnAtTheCursorWithTheSameIDs(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.log.add(completed, completed)
		pass(2 * time.Second)
		l.log.add(completed, completed)
		first := l.receiver.expect("/a", "1 2 3 4")
		disk := l.cursors.clone() // before the second save
		l.end()
		l.log.add(failed)

		l.cursors = disk
		l.opts.Cursors = disk
		l.restart()
		again := l.receiver.expect("/a", "3 4 5")
		if again[0].id != first[2].id || again[1].id != first[3].id {
			t.Errorf("the ids were %v and are %v", first[2:], again[:2])
		}
	})
}

func TestADrainFinishesTheAttemptUnderWayAndSavesTheCursor(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		release := make(chan struct{})
		l.receiver.answers(func(http.ResponseWriter, *http.Request, delivery) { <-release })
		l.log.add(completed, completed)
		synctest.Wait()
		l.stop()
		synctest.Wait()
		select {
		case err := <-l.ran:
			t.Fatalf("it did not wait for the attempt: %v", err)
		default:
		}
		code(t, l.Add(t.Context(), endpoint("b")), sim.CodeDraining)
		code(t, l.Resend("a", 1, 1), sim.CodeDraining)
		close(release)
		l.end()
		if got := l.cursors.of(t, "a").Sequence; got != 1 {
			t.Errorf("the cursor is %d, want 1", got)
		}
		l.restart()
		l.receiver.expect("/a", "1 2")
	})
}

func TestAnAbortCutsOffTheAttemptUnderWay(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Timeout = time.Minute }).run()
		l.receiver.answers(func(_ http.ResponseWriter, r *http.Request, _ delivery) { <-r.Context().Done() })
		l.log.add(completed)
		synctest.Wait()
		began := time.Now()
		l.abort()
		l.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
		if s := l.status("a"); s.FailedAttempts != 0 {
			t.Errorf("the receiver is blamed: %+v", s)
		}
	})
}

func TestADrainDoesNotWaitForRetries(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.receiver.answers(status(http.StatusInternalServerError))
		l.log.add(completed)
		pass(time.Second / 2)
		if err := l.Resend("a", 1, 1); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		began := time.Now()
		l.end()
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
		if _, err := l.Start(t.Context(), t.Context()); err == nil {
			t.Error("it can be started twice")
		}
	})
}

func TestAnEndpointThatIsGoneGetsNothingUntilItIsEnabledOrMoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.receiver.answers(status(http.StatusGone))
		l.log.add(completed, completed)
		l.receiver.expect("/a", "1")
		if s := l.status("a"); s.Activity != webhook.ActivityGone || s.Cursor != 0 || l.metrics.get("lag a") != 0 || s.Lag != 2 {
			t.Errorf("status is %+v", s)
		}
		code(t, l.Resend("a", 1, 1), sim.CodeWrongState)
		l.end()
		l.receiver.answers(nil)
		l.restart()
		l.log.add(completed)
		l.receiver.expect("/a", "")
		if err := l.SetDisabled(t.Context(), "a", false); err != nil {
			t.Error(err)
		}
		l.receiver.expect("/a", "1 2 3")

		l.receiver.answers(status(http.StatusGone))
		if err := l.Resend("a", 2, 2); err != nil { // resends find out as well
			t.Error(err)
		}
		l.receiver.expect("/a", "2")
		l.log.add(completed)
		l.receiver.expect("/a", "")
		l.end()
		l.receiver.answers(nil)
		l.opts.Endpoints[0].URL = "http://receiver.test/moved"
		l.restart()
		l.receiver.expect("/moved", "4")
	})
}

func TestDisabledEndpointsCatchUpWhenTheyAreEnabled(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints[0].Disabled = true })
		l.log.add(completed)
		l.run()
		l.log.add(completed)
		pass(time.Second)
		l.receiver.expect("/a", "")
		if s := l.status("a"); s.Activity != webhook.ActivityDisabled || s.Lag != 1 {
			t.Errorf("status is %+v", s)
		}
		if err := l.SetDisabled(t.Context(), "a", false); err != nil {
			t.Error(err)
		}
		l.receiver.expect("/a", "2")
		if err := l.SetDisabled(t.Context(), "a", true); err != nil {
			t.Error(err)
		}
		l.log.add(completed)
		l.receiver.expect("/a", "")
		code(t, l.SetDisabled(t.Context(), "b", true), sim.CodeNotFound)
	})
}

func TestNoEventIsLeftOutBetweenTheStartOfTheSourceAndRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Begin = func() uint64 { return 1 } })
		l.log.add(completed)            // of the books as they were loaded
		l.log.add(completed, completed) // asked for as soon as requests were taken
		l.run()
		l.receiver.expect("/a", "2 3")
	})
}

func TestAnEndpointBeginsWhereItWasAddedOrWhereItSays(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints = nil })
		l.log.add(completed, completed)
		early := endpoint("early")
		if err := l.Add(t.Context(), early); err != nil {
			t.Error(err)
		}
		l.log.add(completed)
		l.run()
		late, all, future := endpoint("late"), endpoint("all"), endpoint("future")
		all.From, future.From = 2, 99
		for _, e := range []webhook.Endpoint{late, all, future} {
			if err := l.Add(t.Context(), e); err != nil {
				t.Error(err)
			}
		}
		if got := l.cursors.of(t, "late").Sequence; got != 3 {
			t.Errorf("when Add returns the cursor is %d, want 3", got)
		}
		l.log.add(completed)
		l.receiver.expect("/early", "4")
		l.receiver.expect("/late", "4")
		l.receiver.expect("/all", "2 3 4")
		l.receiver.expect("/future", "4")
		var ids []string
		for _, s := range l.List() {
			ids = append(ids, s.Endpoint.ID)
		}
		if want := []string{"all", "early", "future", "late"}; !slices.Equal(ids, want) {
			t.Errorf("List has %v, want %v", ids, want)
		}
		l.end()
		l.opts.Endpoints = l.Endpoints()
		l.log.add(completed)
		l.restart()
		for _, path := range []string{"/all", "/early", "/future", "/late"} {
			l.receiver.expect(path, "5")
		}
	})
}

func TestChangesOfEndpointsAreRefusedWithAReason(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.MaxEndpoints = 2 })
		code(t, l.Resend("a", 0, 0), sim.CodeInvalid)
		l.log.add(completed)
		code(t, l.Resend("a", 1, 0), sim.CodeUnavailable)
		l.run()
		code(t, l.Add(t.Context(), endpoint("a")), sim.CodeAlreadyExists)
		code(t, l.Add(t.Context(), webhook.Endpoint{ID: "b"}), sim.CodeInvalid)
		code(t, l.Update(t.Context(), endpoint("b")), sim.CodeNotFound)
		code(t, l.Remove(t.Context(), "b"), sim.CodeNotFound)
		wrong := endpoint("a")
		wrong.Secret = "whsec_short"
		code(t, l.Update(t.Context(), wrong), sim.CodeInvalid)

		l.cursors.fail(errors.New("disk full"))
		code(t, l.Add(t.Context(), endpoint("b")), sim.CodeUnavailable)
		code(t, l.Remove(t.Context(), "a"), sim.CodeUnavailable)
		l.cursors.fail(nil)
		l.log.add(completed)
		l.receiver.expect("/a", "2") // it stayed
		if err := l.Add(t.Context(), endpoint("b")); err != nil {
			t.Error(err)
		}
		code(t, l.Add(t.Context(), endpoint("c")), sim.CodeLimitReached)
	})
}

func TestARemovedEndpointIsForgotten(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.receiver.answers(status(http.StatusInternalServerError))
		l.log.add(completed)
		l.receiver.expect("/a", "1")
		if err := l.Remove(t.Context(), "a"); err != nil {
			t.Fatal(err)
		}
		pass(time.Minute)
		l.receiver.expect("/a", "")
		if len(l.cursors.saved) != 0 || len(l.List()) != 0 || l.metrics.get("forgotten a") != 1 {
			t.Errorf("left are %v and %v", l.cursors.saved, l.List())
		}
		_, err := l.Status("a")
		code(t, err, sim.CodeNotFound)
		l.receiver.answers(nil)
		if err := l.Add(t.Context(), endpoint("a")); err != nil {
			t.Fatal(err)
		}
		l.log.add(completed)
		l.receiver.expect("/a", "2")
	})
}

func TestACursorThatIsBeingSavedIsNotSavedAfterItsRemoval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints = append(o.Endpoints, endpoint("b")) }).run()
		release := l.cursors.hold("a")
		l.log.add(completed)
		pass(2 * time.Second) // the saver is at a, and b is next
		if err := l.Remove(t.Context(), "b"); err != nil {
			t.Error(err)
		}
		release()
		pass(2 * time.Second)
		if _, found, _ := l.cursors.Load(t.Context(), "b"); found || l.cursors.of(t, "a").Sequence != 1 {
			t.Errorf("saved are %s", l.cursors.saved)
		}
	})
}

func TestAnUpdateGoesOnAtTheCursorAndMaySignWithTwoSecrets(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.receiver.answers(status(http.StatusInternalServerError))
		l.log.add(completed, completed)
		l.receiver.expect("/a", "1")
		l.receiver.answers(nil)
		changed := endpoint("a")
		changed.URL, changed.PreviousSecret, changed.Secret = "http://receiver.test/new", secret, webhook.GenerateSecret()
		l.receiver.mu.Lock()
		l.receiver.secrets = append(l.receiver.secrets, changed.Secret) // both verify
		l.receiver.mu.Unlock()
		if err := l.Update(t.Context(), changed); err != nil {
			t.Fatal(err)
		}
		l.receiver.expect("/new", "1 2")
		pass(time.Minute)
		l.receiver.expect("/a", "")
		if s := l.status("a"); s.ConsecutiveFailures != 0 || s.Attempts != 0 || s.Cursor != 2 {
			t.Errorf("status is %+v", s)
		}
	})
}

func TestAPingIsOneAttemptWhateverTheEndpointsState(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints[0].Disabled, o.MaxConcurrent = true, 1 })
		a, err := l.Ping(t.Context(), "a") // before Run
		if err != nil || a.Status != 200 || a.Error != "" {
			t.Errorf("Ping = %+v, %v", a, err)
		}
		if got := l.receiver.take("/a"); len(got) != 1 || got[0].eventType != webhook.PingType || got[0].id != a.WebhookID {
			t.Errorf("got %+v", got)
		}
		l.run()
		l.receiver.answers(status(http.StatusGone))
		a, err = l.Ping(t.Context(), "a")
		if err != nil || a.Status != 410 || a.Error != "answered 410 Gone" {
			t.Errorf("Ping = %+v, %v", a, err)
		}
		if s := l.status("a"); s.Activity != webhook.ActivityDisabled || s.FailedAttempts != 0 {
			t.Errorf("status is %+v", s)
		}
		_, err = l.Ping(t.Context(), "b")
		code(t, err, sim.CodeNotFound)

		l.receiver.answers(func(_ http.ResponseWriter, r *http.Request, _ delivery) { <-r.Context().Done() })
		first := make(chan webhook.Attempt)
		go func() {
			a, _ := l.Ping(t.Context(), "a")
			first <- a
		}()
		synctest.Wait()
		go func() { pass(time.Second); l.stop() }()
		if a := <-first; a.Error != "broken off" {
			t.Errorf("Ping = %+v", a)
		}
		l.end()
		_, err = l.Ping(t.Context(), "a")
		code(t, err, sim.CodeDraining)
	})
}

func TestResendsGoOnAfterTroublesAndEndWithTheEndpoint(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Endpoints[0].Disabled = true })
		l.log.add(completed, completed, completed)
		l.run()
		if err := l.SetDisabled(t.Context(), "a", false); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		l.log.breakWith(errors.New(strings.Repeat("no connection ", 100)), false)
		if err := l.Resend("a", 1, 0); err != nil {
			t.Error(err)
		}
		if s := l.status("a"); s.Resends != 1 || len(s.LastError) > 400 || !strings.Contains(s.LastError, "no connection") {
			t.Errorf("status is %+v", s)
		}
		l.log.breakWith(nil, true)
		pass(2 * time.Second)
		l.receiver.expect("/a", "1 2 3")

		l.receiver.answers(status(http.StatusInternalServerError))
		for range 2 {
			if err := l.Resend("a", 1, 0); err != nil {
				t.Error(err)
			}
		}
		l.receiver.expect("/a", "1")
		if s := l.status("a"); s.Resends != 2 {
			t.Errorf("status is %+v", s)
		}
		l.receiver.answers(status(http.StatusGone))
		pass(time.Minute)
		l.receiver.expect("/a", "1")
		if s := l.status("a"); s.Resends != 0 || s.Activity != webhook.ActivityGone {
			t.Errorf("status is %+v", s)
		}
	})
}
