package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// reporter tells people on standard output what runs and how a drain goes, and
// writes the lives of all instances to the log.
type reporter struct {
	supervisor *supervisor.Supervisor
	logger     *slog.Logger
	url        string // of the admin API
	screen     *terminal.Screen

	mu       sync.Mutex
	out      io.Writer
	draining bool
	hide     func() // the progress of the drain; nil before
	lines    drainLines
}

func newReporter(s *supervisor.Supervisor, screen *terminal.Screen, out io.Writer, logger *slog.Logger, url string) *reporter {
	return &reporter{supervisor: s, screen: screen, logger: logger, url: url, out: out, lines: drainLines{}}
}

// settlePause is the time between two looks at whether the first round of
// starts is over.
const settlePause = 20 * time.Millisecond

// announce prints what runs and where, once the first round of starts is over. It
// reports whether that came before the end.
func (r *reporter) announce(ctx context.Context) bool {
	end := r.screen.ShowLive(r.starting)
	defer end()
	ticker := time.NewTicker(settlePause)
	defer ticker.Stop()
	for r.supervisor.Readiness().Status == "starting" {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return false
		}
	}
	end()
	list := r.supervisor.List()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.draining {
		return false
	}
	var t table
	for _, status := range list {
		t.row(summary(statusOf(status))...)
	}
	_ = t.print(r.out) // whoever closed the output does not want it
	if len(list) == 0 {
		r.print("no instances yet; add one with: custodian instance add NAME")
	}
	r.print("console " + r.url + "/")
	r.print("admin   " + r.url + "/admin/v1/instances")
	r.print("metrics " + r.url + "/metrics")
	return true
}

// statusOf returns a status as the admin API shows it.
func statusOf(s supervisor.Status) wire.Instance {
	out := wire.Instance{
		Name: s.Name, State: string(s.State), Since: s.Since, Restarts: s.Restarts, LastError: s.LastError,
		HTTPAddr: s.HTTPAddr, GRPCAddr: s.GRPCAddr,
	}
	if s.Drain != nil {
		out.Drain = &wire.Drain{Step: s.Drain.Step, InFlight: s.Drain.InFlight}
	}
	return out
}

// drains says that all is being drained: from now on its progress is printed.
func (r *reporter) drains() {
	running := 0
	for _, status := range r.supervisor.List() {
		if status.State != supervisor.StateDrained && status.State != supervisor.StateFailed {
			running++
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	r.hide = r.screen.ShowLive(r.ending)
	r.print("draining " + count(running, "instance") + "; interrupt again to cut them off")
}

// starting is how far the first round of starts is.
func (r *reporter) starting() terminal.Progress {
	p := terminal.Progress{What: "starting", Unit: "instances"}
	failed := 0
	for state, n := range r.supervisor.Readiness().Instances {
		p.Total += uint64(n)
		switch supervisor.State(state) {
		case supervisor.StatePending, supervisor.StateStarting:
			continue
		case supervisor.StateFailed:
			failed = n
		}
		p.Done += uint64(n)
	}
	if failed > 0 {
		p.Detail = fmt.Sprintf("%d failed", failed)
	}
	return p
}

// ending is how far the drain of all is, and what the last ones are doing.
func (r *reporter) ending() terminal.Progress {
	p := terminal.Progress{What: "draining", Unit: "instances"}
	var doing []string
	for _, s := range r.supervisor.List() {
		p.Total++
		switch s.State {
		case supervisor.StateDrained, supervisor.StateFailed:
			p.Done++
		case supervisor.StateDraining:
			what := s.Name
			if s.Drain != nil {
				what += ": " + s.Drain.Step
				if s.Drain.InFlight > 0 {
					what += fmt.Sprintf(", %d in flight", s.Drain.InFlight)
				}
				if s.Drain.Deadline.After(p.Deadline) {
					p.Deadline = s.Drain.Deadline
				}
			}
			doing = append(doing, what)
		}
	}
	p.Detail = strings.Join(doing, "; ")
	return p
}

// follow reports what happens until ctx ends, by when all has happened.
func (r *reporter) follow(ctx context.Context) {
	last := uint64(0)
	handle := func(batch []supervisor.Event) error {
		for _, event := range batch {
			r.event(event)
			last = event.ID
		}
		return nil
	}
	defer r.ended()
	_ = r.supervisor.Follow(ctx, 0, handle) // ends with ctx
	if rest, newest := r.supervisor.Events(last); newest > last {
		_ = handle(rest)
	}
}

func (r *reporter) event(e supervisor.Event) {
	level := slog.LevelInfo
	switch supervisor.State(e.State) {
	case supervisor.StatePending, supervisor.StateStarting, supervisor.StateDraining:
		level = slog.LevelDebug // the steps between
	case supervisor.StateFailed:
		level = slog.LevelError
	}
	attributes := []any{"instance", e.Instance, "state", e.State}
	if e.Detail != "" {
		attributes = append(attributes, "detail", e.Detail)
	}
	r.logger.Log(context.Background(), level, "instance changed", attributes...)

	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining {
		return
	}
	inFlight := 0
	if status, err := r.supervisor.Get(e.Instance); err == nil && status.Drain != nil {
		inFlight = status.Drain.InFlight
	}
	line := r.lines.of(e.Instance, e.State, e.Detail, inFlight)
	if e.State == string(supervisor.StateDraining) && r.screen.Live() {
		return // the progress tells it
	}
	if line != "" {
		r.print(line)
	}
}

// ended takes the progress of the drain away.
func (r *reporter) ended() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.hide != nil {
		r.hide()
	}
}

func (r *reporter) print(line string) { _, _ = fmt.Fprintln(r.out, line) }

// drainLines words the steps of drains. It knows the last line of each instance,
// so that none is said twice in a row.
type drainLines map[string]string

// of returns the line for an event, "" where there is nothing new to say.
func (p drainLines) of(instance, state, detail string, inFlight int) string {
	line := ""
	switch supervisor.State(state) {
	case supervisor.StateDraining:
		line = "draining " + instance + ": " + detail
		if inFlight > 0 && detail == "finishing" {
			line += fmt.Sprintf(" (%d in flight)", inFlight)
		}
	case supervisor.StateDrained:
		line = "drained " + instance
	case supervisor.StateFailed:
		line = "failed " + instance + ": " + detail
	}
	line = oneLine(line)
	if line == "" || p[instance] == line {
		return ""
	}
	p[instance] = line
	return line
}
