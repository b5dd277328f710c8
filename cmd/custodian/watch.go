package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// watch knows how far an operation on instances is, from what the supervisor tells.
type watch struct {
	app   *app
	doing string   // such as "draining"
	names []string // of the instances

	mu    sync.Mutex
	last  uint64              // event that was seen
	done  int                 // instances that the operation has ended for
	at    map[string]activity // of instances that are doing something
	lines drainLines
}

// watched calls do and shows meanwhile, on standard error, what becomes of the
// instances: the result is what counts. A terminal has one line for all of them,
// anything else a line for each step of a drain. Do is to call its argument for each
// instance that is finished.
func (a *app) watched(ctx context.Context, api *client.Client, doing string, names []string, do func(done func())) {
	w := &watch{app: a, doing: doing, names: names, at: map[string]activity{}, lines: drainLines{}}
	count := func() { w.mu.Lock(); w.done++; w.mu.Unlock() }
	page, err := api.Events(ctx, 0, w.only())
	if err != nil {
		do(count) // which will say what is wrong
		return
	}
	w.last = page.LastID
	watching, stop := context.WithCancel(ctx)
	var follower sync.WaitGroup
	follower.Go(func() {
		_ = api.Follow(watching, w.last, w.only(), func(e wire.Event) error { // without it there is less to see
			if !slices.Contains(names, e.Instance) {
				return nil
			}
			var drain *wire.Drain
			if e.State == string(supervisor.StateDraining) {
				if i, err := api.Instance(watching, e.Instance); err == nil {
					drain = i.Drain
				}
			}
			w.event(e, drain)
			return nil
		})
	})
	end := a.screen.Show(w.progress)
	do(count)
	end()
	stop()
	follower.Wait()
	if a.screen.Live() {
		return
	}
	// What went by too fast to be followed is told now.
	if page, missed := api.Events(ctx, w.last, w.only()); missed == nil {
		for _, e := range page.Events {
			if slices.Contains(names, e.Instance) {
				w.event(e, nil)
			}
		}
	}
}

// unwatched is watched for what takes no time.
func unwatched(_ context.Context, _ *client.Client, _ string, _ []string, do func(done func())) {
	do(func() {})
}

// only is the instance whose events are asked for, "" for those of all.
func (w *watch) only() string {
	if len(w.names) == 1 {
		return w.names[0]
	}
	return ""
}

func (w *watch) event(e wire.Event, drain *wire.Drain) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = e.ID
	inFlight := 0
	now := activity{what: cmp.Or(e.Detail, e.State)}
	if drain != nil {
		inFlight, now.deadline = drain.InFlight, drain.Deadline
		if inFlight > 0 {
			now.what += fmt.Sprintf(", %d in flight", inFlight)
		}
	}
	w.at[e.Instance] = now
	switch supervisor.State(e.State) {
	case supervisor.StateRunning, supervisor.StatePaused, wire.StateRemoved:
		delete(w.at, e.Instance)
	case supervisor.StateDrained, supervisor.StateFailed:
		if !now.counted() {
			delete(w.at, e.Instance)
		}
	}
	if e.State == string(supervisor.StateFailed) && w.lines[e.Instance] == "" {
		return // it was not drained: what is wrong is said in the end
	}
	if line := w.lines.of(e.Instance, e.State, e.Detail, inFlight); line != "" && !w.app.screen.Live() {
		fmt.Fprintln(w.app.err, line)
	}
}

func (w *watch) progress() terminal.Progress {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := terminal.Progress{What: w.doing}
	var doing []string
	for name, now := range w.at {
		if now.deadline.After(p.Deadline) {
			p.Deadline = now.deadline
		}
		doing = append(doing, name+": "+now.what)
	}
	if len(w.names) > 1 {
		p.Done, p.Total, p.Unit = uint64(w.done), uint64(len(w.names)), "instances"
		p.Uneven = true
		slices.Sort(doing)
		p.Detail = strings.Join(doing, "; ")
		return p
	}
	p.What += " " + w.names[0]
	now := w.at[w.names[0]]
	if done, total, ok := now.events(); ok {
		p.Done, p.Total, p.Unit = done, total, "events"
	} else {
		p.Detail = now.what
	}
	return p
}

// activity is what an instance is doing.
type activity struct {
	what     string
	deadline time.Time // of its drain
}

// events returns how many events of how many an instance has copied, where that is
// what it is doing.
func (a activity) events() (done, total uint64, ok bool) {
	_, counts, _ := strings.Cut(a.what, ": ")
	n, _ := fmt.Sscanf(counts, "%d of %d events", &done, &total) // less than two is no count
	return done, total, n == 2
}

func (a activity) counted() bool {
	_, _, ok := a.events()
	return ok
}
