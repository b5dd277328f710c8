package main

import (
	"context"
	"fmt"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// tell writes one line per instance as it comes up, where the admin API is once
// all are, and one line per later change.
func (p *process) tell(ctx context.Context, cfg config.Config) error {
	waiting := make(map[string]bool, len(cfg.Instances))
	for _, entry := range cfg.Instances {
		waiting[entry.Name] = true
	}
	introduced := false
	introduce := func() {
		if introduced || len(waiting) > 0 {
			return
		}
		introduced = true
		fmt.Fprintf(p.out, "admin    %s/admin/v1/instances\nmetrics  %s/metrics\n", p.server.URL(), p.server.URL())
	}
	introduce()
	return p.sup.Follow(ctx, 0, func(events []supervisor.Event) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		for _, e := range events {
			p.told = e.ID
			p.line(e)
			if settledState(e.State) {
				delete(waiting, e.Instance)
			}
		}
		introduce()
		return nil
	})
}

func settledState(state string) bool {
	switch supervisor.State(state) {
	case supervisor.StateRunning, supervisor.StatePaused, supervisor.StateDrained, supervisor.StateFailed:
		return true
	case supervisor.StatePending, supervisor.StateStarting, supervisor.StateDraining:
	}
	return false
}

// line writes one event. What comes and goes within a moment is left out.
func (p *process) line(e supervisor.Event) {
	switch state := supervisor.State(e.State); state {
	case supervisor.StateStarting:
	case supervisor.StatePending:
		if e.Detail != "" {
			fmt.Fprintf(p.out, "%-32s %-9s %s\n", e.Instance, e.State, e.Detail)
		}
	case supervisor.StateRunning, supervisor.StatePaused:
		status, err := p.sup.Get(e.Instance)
		if err != nil {
			return // removed in between
		}
		fmt.Fprintf(p.out, "%-32s %-9s http %s  grpc %s\n", e.Instance, e.State, status.HTTPAddr, status.GRPCAddr)
	default:
		fmt.Fprintf(p.out, "%-32s %-9s %s\n", e.Instance, e.State, e.Detail)
	}
}

// finishTelling writes what happened after the group ended its actors: the
// drain.
func (p *process) finishTelling() {
	p.mu.Lock()
	defer p.mu.Unlock()
	rest, _ := p.sup.Events(p.told)
	for _, e := range rest {
		p.line(e)
	}
}
