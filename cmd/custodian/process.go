package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	rungroup "github.com/oklog/run"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
)

// process is a running supervisor with everything around it: one group whose
// first member to end ends all. The supervisor decides when that is: a signal
// only asks it to drain, so that the admin API answers until the last instance
// is drained.
type process struct {
	supervisor *supervisor.Supervisor
	server     *admin.Server
	api        http.Handler
	reload     *reloader
	reporter   *reporter
	manager    *manager
	signals    <-chan os.Signal
	logger     *slog.Logger
	forced     atomic.Bool
}

// run returns when all is drained or cut off.
func (p *process) run(ctx context.Context) error {
	var actors rungroup.Group
	running, drain := context.WithCancel(ctx)
	defer drain()
	// stop ends the supervisor, which takes as long as its drain; the members
	// that end at once are interrupted after it.
	stop := sync.OnceFunc(func() {
		p.reporter.drains()
		p.manager.tell("STOPPING=1\nSTATUS=draining")
		drain()
	})
	actors.Add(func() error {
		if err := p.supervisor.Run(running); err != nil {
			return fmt.Errorf("running the supervisor: %w", err)
		}
		return nil
	}, func(error) { stop() })

	shut := make(chan struct{})
	actors.Add(func() error {
		err := p.server.Serve(p.api)
		if err == nil {
			<-shut
		}
		return err
	}, func(error) { p.shutdown(shut) })

	p.add(&actors, func(ctx context.Context) { p.handleSignals(ctx, stop) })
	p.add(&actors, p.reload.watch)
	p.add(&actors, p.reporter.follow)
	p.add(&actors, func(ctx context.Context) {
		if p.reporter.announce(ctx) {
			p.manager.tell("READY=1\nSTATUS=running")
		}
	})

	err := actors.Run()
	if p.forced.Load() {
		if _, cut := errors.AsType[*supervisor.CutOffError](err); cut {
			err = nil // as it was asked to
		}
		return errors.Join(errForced, err)
	}
	return err
}

// add adds a member that ends when it is told to and not before: its own end is
// no reason to end the others.
func (p *process) add(actors *rungroup.Group, fn func(context.Context)) {
	ctx, cancel := context.WithCancel(context.Background())
	actors.Add(func() error {
		fn(ctx)
		<-ctx.Done()
		return nil
	}, func(error) { cancel() })
}

// apiGrace is how long requests to the admin API may take to finish once the
// last instance is drained.
const apiGrace = 3 * time.Second

// shutdown ends the admin API, in the background: members are interrupted one
// after another.
func (p *process) shutdown(done chan<- struct{}) {
	go func() {
		defer close(done)
		ctx, cancel := context.WithTimeout(context.Background(), apiGrace)
		defer cancel()
		if err := p.server.Shutdown(ctx); err != nil {
			p.logger.Warn("the admin API did not end in good order", "error", err)
		}
	}()
}

// handleSignals drains at the first signal to end, forces at the second, and
// reloads at SIGHUP. A third ends the process as it would any other.
func (p *process) handleSignals(ctx context.Context, stop func()) {
	stopping := false
	for {
		select {
		case <-ctx.Done():
			return
		case sig := <-p.signals:
			switch {
			case sig == syscall.SIGHUP:
				p.reload.ask("SIGHUP")
			case !stopping:
				stopping = true
				p.logger.Info("draining all instances", "signal", sig.String())
				stop()
			default:
				p.logger.Warn("cutting off what is left", "signal", sig.String())
				p.forced.Store(true)
				p.supervisor.Force()
				signal.Reset(os.Interrupt, syscall.SIGTERM)
			}
		}
	}
}
