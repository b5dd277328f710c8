package webhook_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// step is something that happens to a manager.
type step struct {
	kind   string
	events []sim.EventType
	wait   time.Duration
	status int
}

func drawStep(t *rapid.T) step {
	s := step{kind: rapid.SampledFrom([]string{"events", "events", "wait", "answers", "restart", "crash", "store fails", "store works"}).Draw(t, "kind")}
	switch s.kind {
	case "events":
		s.events = rapid.SliceOfN(rapid.SampledFrom([]sim.EventType{completed, opened}), 1, 20).Draw(t, "events")
	case "wait":
		s.wait = time.Duration(rapid.IntRange(1, 3000).Draw(t, "ms")) * time.Millisecond
	case "answers":
		s.status = rapid.SampledFrom([]int{200, 307, 429, 500}).Draw(t, "status")
	}
	return s
}

func (l *lab) take(s step) {
	switch s.kind {
	case "events":
		l.log.add(s.events...)
	case "wait":
		pass(s.wait)
	case "answers":
		l.receiver.answers(status(s.status))
	case "restart":
		l.end()
		l.restart()
	case "crash":
		disk := l.cursors.clone()
		l.abort()
		l.end()
		l.cursors, l.opts.Cursors = disk, disk
		l.restart()
	case "store fails":
		l.cursors.fail(errors.New("away"))
	case "store works":
		l.cursors.fail(nil)
	}
}

// Whatever fails and whenever it stops: in the end everything that the filter
// selects was delivered, each event first behind those before it, always under
// the same id.
func TestEveryEventIsDeliveredAtLeastOnceInOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 0, 40).Draw(rt, "steps")
		var wrong string
		synctest.Test(t, func(t *testing.T) { wrong = everythingArrives(t, steps) })
		if wrong != "" {
			rt.Fatal(wrong)
		}
	})
}

func everythingArrives(t *testing.T, steps []step) (wrong string) {
	l := newLab(t, func(o *webhook.Options) {
		o.Retry = webhook.RetryPolicy{Base: time.Millisecond, Max: time.Second, Attempts: 1000, Jitter: 50}
		o.Endpoints[0].Events = []string{"settlement.*"}
	}).run()
	for _, s := range steps {
		l.take(s)
	}
	l.receiver.answers(nil)
	l.cursors.fail(nil)
	pass(2 * time.Minute)
	l.end()

	var want, got []uint64
	for _, r := range l.log.events {
		if r.Event.Type == completed {
			want = append(want, r.Event.Sequence)
		}
	}
	ids := make(map[uint64]string)
	for _, d := range l.receiver.take("/a") {
		if id, known := ids[d.sequence]; !known {
			got = append(got, d.sequence)
			ids[d.sequence] = d.id
		} else if id != d.id {
			return fmt.Sprintf("event %d came as %s and as %s", d.sequence, id, d.id)
		}
	}
	if !slices.Equal(got, want) {
		return fmt.Sprintf("delivered %v, want %v", got, want)
	}
	if s := l.status("a"); s.Lag != 0 || s.GivenUp != 0 {
		return fmt.Sprintf("status is %+v", s)
	}
	return ""
}
