package webhook_test

import (
	"errors"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

func TestRetryAfterIsHonouredWithinBounds(t *testing.T) {
	for _, tt := range []struct {
		name, value string
		status      int
		want        time.Duration
	}{
		{"seconds", "30", 429, 30 * time.Second},
		{"a date", "date", 503, 45 * time.Second},
		{"sooner than the first retry", "1", 503, 2 * time.Second},
		{"later than allowed", "86400", 429, time.Minute},
		{"beyond all numbers", "18446744073709551616", 429, 2 * time.Second},
		{"nonsense", "soon", 429, 2 * time.Second},
		{"with another status", "30", 500, 2 * time.Second},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, func(o *webhook.Options) {
					o.Retry = webhook.RetryPolicy{Base: 2 * time.Second, Jitter: -1, MaxRetryAfter: time.Minute}
				}).run()
				var answered atomic.Bool
				l.receiver.answers(func(w http.ResponseWriter, _ *http.Request, d delivery) {
					if answered.Swap(true) {
						return
					}
					value := tt.value
					if value == "date" {
						value = d.at.Add(45 * time.Second).UTC().Format(http.TimeFormat)
					}
					w.Header().Set("Retry-After", value)
					w.WriteHeader(tt.status)
				})
				l.log.add(completed)
				pass(time.Hour)
				got := l.receiver.expect("/a", "1 1")
				if wait := got[1].at.Sub(got[0].at); wait != tt.want {
					t.Errorf("waited %s, want %s", wait, tt.want)
				}
			})
		})
	}
}

func TestSlowReceiversTimeOutAndDelayNobodyElse(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) {
			o.Endpoints = append(o.Endpoints, endpoint("b"))
			o.Timeout = 3 * time.Second
		}).run()
		l.receiver.answers(func(_ http.ResponseWriter, r *http.Request, d delivery) {
			if d.path == "/a" {
				<-r.Context().Done()
			}
		})
		l.log.add(completed, completed)
		l.receiver.expect("/b", "1 2")
		pass(3 * time.Second)
		if s := l.status("a"); s.LastError != "no answer within 3s" || l.metrics.get("timeout a") != 1 {
			t.Errorf("status is %+v, metrics %v", s, l.metrics.counts)
		}
	})
}

func TestAttemptsUnderWayAreBounded(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) {
			o.Endpoints = append(o.Endpoints, endpoint("b"), endpoint("c"))
			o.MaxConcurrent = 2
		}).run()
		release := make(chan struct{})
		var now, most atomic.Int32
		l.receiver.answers(func(http.ResponseWriter, *http.Request, delivery) {
			if n := now.Add(1); n > most.Load() {
				most.Store(n)
			}
			<-release
			now.Add(-1)
		})
		l.log.add(completed)
		pass(time.Second)
		if most.Load() != 2 {
			t.Errorf("%d attempts were under way, want 2", most.Load())
		}
		close(release)
		for _, path := range []string{"/a", "/b", "/c"} {
			l.receiver.expect(path, "1")
		}
	})
}

func TestTroublesOfTheLogAndTheCursorsPass(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil)
		l.cursors.fail(errors.New("no connection"))
		l.run()
		l.log.add(completed)
		pass(10 * time.Second)
		if s := l.status("a"); s.Activity != webhook.ActivityStarting || s.LastError != "loading the cursor: no connection" {
			t.Errorf("status is %+v", s)
		}
		l.cursors.fail(nil)
		pass(30 * time.Second)
		l.receiver.expect("/a", "1") // added before the event: that trouble is none of the caller's
		l.log.breakWith(errors.New("no connection"), false)
		l.log.add(completed)
		l.receiver.expect("/a", "2")
		pass(2 * time.Second)
		l.log.breakWith(nil, true)
		l.log.add(completed, completed)
		pass(2 * time.Second)
		l.receiver.expect("/a", "3 4")

		l.cursors.fail(errors.New("no connection"))
		l.log.add(completed)
		pass(5 * time.Second)
		l.cursors.fail(nil)
		pass(2 * time.Second)
		if got := l.cursors.of(t, "a").Sequence; got != 5 {
			t.Errorf("the cursor is %d, want 5", got)
		}
	})
}

func TestALogThatWasBegunAnewIsDeliveredFromItsBeginning(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		l.log.add(completed, completed, completed)
		l.receiver.expect("/a", "1 2 3")
		l.end()
		l.log = newEventLog()
		l.opts.Source = l.log
		l.log.add(failed)
		l.restart()
		l.receiver.expect("/a", "1")
	})
}

func TestHugeAnswersAreNotRead(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, nil).run()
		var wrote atomic.Int64
		l.receiver.answers(func(w http.ResponseWriter, _ *http.Request, _ delivery) {
			chunk := strings.Repeat("x", 4096)
			for {
				n, err := io.WriteString(w, chunk)
				if wrote.Add(int64(n)); err != nil {
					return
				}
			}
		})
		began := time.Now()
		l.log.add(completed, completed)
		l.receiver.expect("/a", "1 2")
		if wrote.Load() > 512<<10 || time.Since(began) != 0 || l.status("a").Cursor != 2 {
			t.Errorf("%d bytes were read in %s", wrote.Load(), time.Since(began))
		}
	})
}

// faults are effects by sequence number.
type faults map[uint64]webhook.Effect

func (f faults) Webhook(sequence uint64, _, _ string) webhook.Effect {
	if sequence == 99 {
		panic("no such rule")
	}
	return f[sequence]
}

func TestFaultsDropDuplicateAndReorder(t *testing.T) {
	drop, duplicate, reorder := webhook.Effect{Drop: true}, webhook.Effect{Duplicate: true}, webhook.Effect{Reorder: true}
	for _, tt := range []struct {
		name   string
		faults faults
		want   string
	}{
		{"a dropped one is not sent", faults{2: drop}, "1 3 4"},
		{"a duplicated one is sent twice", faults{2: duplicate}, "1 2 2 3 4"},
		{"a reordered one is sent behind the next", faults{2: reorder}, "1 3 2 4"},
		{"only one at a time is held", faults{1: reorder, 2: reorder, 3: reorder}, "2 1 4 3"},
		{"behind the next that is sent", faults{1: reorder, 2: drop}, "3 1 4"},
		{"all at once", faults{1: {Reorder: true, Duplicate: true}}, "2 1 1 3 4"},
		{"the last has no next one", faults{4: reorder}, "1 2 3 4"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			bubble(t, func(t *testing.T) {
				l := newLab(t, func(o *webhook.Options) { o.Fault = tt.faults }).run()
				l.log.add(completed, completed, completed, completed)
				pass(webhook.DefaultHoldMax)
				l.receiver.expect("/a", tt.want)
				if got := l.status("a").Cursor; got != 4 {
					t.Errorf("the cursor is %d, want 4", got)
				}
			})
		})
	}
}

func TestAHeldEventSurvivesACrash(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Fault = faults{2: {Reorder: true}} }).run()
		l.log.add(completed, completed)
		pass(2 * time.Second)
		l.receiver.expect("/a", "1")
		if got := l.cursors.of(t, "a").Sequence; got != 1 {
			t.Errorf("the cursor is %d, want 1", got)
		}
		l.end()
		l.log.add(completed)
		l.restart()
		l.receiver.expect("/a", "3 2")
	})
}

func TestAFaultThatPanicsHasNoEffect(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l := newLab(t, func(o *webhook.Options) { o.Fault = faults{} })
		l.log.add(slices.Repeat([]sim.EventType{completed}, 98)...)
		l.run()
		l.log.add(completed)
		l.receiver.expect("/a", "99")
	})
}
