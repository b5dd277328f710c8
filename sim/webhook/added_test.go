package webhook_test

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// kept keeps endpoints in memory, beside their cursors.
type kept struct {
	*cursors
	mu        sync.Mutex
	endpoints map[string]webhook.Endpoint
	loadFails error
	saveFails error
}

func (k *kept) Delete(ctx context.Context, id string) error {
	if err := k.cursors.Delete(ctx, id); err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.endpoints, id)
	return nil
}

// store is what [webhook.Added] asks of kept, whose Load and Save are those of
// cursors.
type store struct{ *kept }

func (s store) Load(context.Context) ([]webhook.Endpoint, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var all []webhook.Endpoint
	for _, e := range s.endpoints {
		all = append(all, e)
	}
	return all, s.loadFails
}

func (s store) Save(ctx context.Context, e webhook.Endpoint, state *webhook.State) error {
	s.mu.Lock()
	err := s.saveFails
	s.mu.Unlock()
	if err != nil {
		return err
	}
	if state != nil {
		if err := s.cursors.Save(ctx, e.ID, *state); err != nil {
			return err
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.endpoints[e.ID] = e
	return nil
}

func (k *kept) fail(load, save error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.loadFails, k.saveFails = load, save
}

func (k *kept) ids() string {
	all, _ := store{k}.Load(context.Background())
	var ids []string
	for _, e := range all {
		ids = append(ids, e.ID)
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// newKeepingLab is newLab with endpoints that are kept.
func newKeepingLab(t testing.TB, configured ...webhook.Endpoint) (*lab, *kept) {
	var k *kept
	l := newLab(t, func(o *webhook.Options) {
		k = &kept{cursors: o.Cursors.(*cursors), endpoints: make(map[string]webhook.Endpoint)}
		o.Endpoints, o.Cursors, o.Added = configured, k, store{k}
	})
	return l, k
}

func TestAnEndpointThatWasAddedIsThereAfterARestart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t)
		l.run()
		e := endpoint("a")
		e.PreviousSecret, e.Events = secret, []string{"settlement.*"}
		if err := l.Add(t.Context(), e); err != nil {
			t.Fatal(err)
		}
		if k.ids() != "a" || k.cursors.of(t, "a").Sequence != 0 {
			t.Fatalf("when Add returns, kept are %q", k.ids())
		}
		l.abort() // as a crash: nothing is saved at the end
		if err := <-l.ran; err != nil {
			t.Error(err)
		}
		l.log.add(completed)
		l.restart()
		l.receiver.expect("/a", "1")
		if got := l.Endpoints(); len(got) != 1 || got[0].Secret != secret || got[0].PreviousSecret != secret || !slices.Equal(got[0].Events, e.Events) {
			t.Errorf("back is %v", got)
		}
		if err := l.SetDisabled(t.Context(), "a", true); err != nil {
			t.Error(err)
		}
		l.end()
		l.restart()
		if s := l.status("a"); s.Activity != webhook.ActivityDisabled || s.Cursor != 1 {
			t.Errorf("after it was disabled it is %+v", s)
		}
		if err := l.Remove(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		l.end()
		l.restart()
		if len(l.List()) != 0 || k.ids() != "" || len(k.saved) != 0 {
			t.Errorf("after its removal there are %v and %q", l.List(), k.ids())
		}
	})
}

func TestAnIDThatIsConfiguredIsNotForOthers(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t, endpoint("a"))
		moved := endpoint("a")
		moved.URL = "http://receiver.test/moved"
		k.endpoints["a"] = moved
		l.run()
		if err := l.Add(t.Context(), moved); sim.CodeOf(err) != sim.CodeAlreadyExists || !strings.Contains(err.Error(), "configuration file") {
			t.Errorf("adding it is answered with %v", err)
		}
		l.log.add(completed)
		l.receiver.expect("/a", "1")
		l.receiver.expect("/moved", "")
		if err := l.Remove(t.Context(), "a"); err != nil {
			t.Error(err)
		}
		code(t, l.Add(t.Context(), moved), sim.CodeAlreadyExists)
	})
}

func TestAnEndpointThatCannotBeSavedIsNotAddedOrChanged(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t)
		l.run()
		k.fail(nil, errors.New("disk full"))
		code(t, l.Add(t.Context(), endpoint("a")), sim.CodeUnavailable)
		if len(l.List()) != 0 {
			t.Errorf("there is %v", l.List())
		}
		if err := l.Remove(t.Context(), "a"); err != nil { // it may be kept nevertheless
			t.Errorf("removing it is answered with %v", err)
		}
		code(t, l.Remove(t.Context(), "a"), sim.CodeNotFound)
		k.fail(nil, nil)
		if err := l.Add(t.Context(), endpoint("a")); err != nil {
			t.Error(err)
		}
		k.fail(nil, errors.New("disk full"))
		code(t, l.SetDisabled(t.Context(), "a", true), sim.CodeUnavailable)
		l.log.add(completed)
		l.receiver.expect("/a", "1")
	})
}

func TestAStartWaitsForTheEndpointsThatAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t, endpoint("configured"))
		k.endpoints["a"] = endpoint("a")
		k.fail(errors.New("the store is away"), nil)
		l.run()
		l.log.add(completed)
		pass(time.Second / 4)
		l.receiver.expect("/configured", "")
		_, err := l.Status("a")
		code(t, err, sim.CodeUnavailable)
		adding := make(chan error)
		go func() { adding <- l.Add(t.Context(), endpoint("b")) }()
		pass(time.Second)
		k.fail(nil, nil)
		pass(5 * time.Second)
		if err := <-adding; err != nil {
			t.Errorf("adding meanwhile is answered with %v", err)
		}
		l.receiver.expect("/configured", "1")
		if s := l.status("a"); s.Activity != webhook.ActivityDelivering {
			t.Errorf("then it is %+v", s)
		}
	})
}

func TestAStopEndsTheWaitForTheEndpointsThatAreKept(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t)
		k.fail(errors.New("the store is away"), nil)
		l.run()
		adding := make(chan error, 1)
		go func() { adding <- l.Add(t.Context(), endpoint("a")) }()
		pass(time.Millisecond)
		began := time.Now()
		l.end()
		code(t, <-adding, sim.CodeDraining)
		if took := time.Since(began); took != 0 {
			t.Errorf("it took %s", took)
		}
		code(t, l.Add(t.Context(), endpoint("b")), sim.CodeDraining)
	})
}

func TestAnEndpointThatTheRulesForbidSinceIsNotServedAndCanBeRemoved(t *testing.T) {
	bubble(t, func(t *testing.T) {
		l, k := newKeepingLab(t)
		k.endpoints["a"], k.endpoints["b"] = endpoint("a"), endpoint("b")
		rules, err := webhook.NewTargetRules(nil, false) // https alone
		if err != nil {
			t.Fatal(err)
		}
		l.opts.Targets = rules
		l.restart()
		l.receiver.answers(status(http.StatusOK))
		l.log.add(completed)
		l.receiver.expect("/a", "")
		if len(l.List()) != 0 || k.ids() != "a b" {
			t.Errorf("served are %v, kept %q", l.List(), k.ids())
		}
		if err := l.Remove(t.Context(), "a"); err != nil || k.ids() != "b" {
			t.Errorf("removing one is answered with %v and leaves %q", err, k.ids())
		}
	})
}
