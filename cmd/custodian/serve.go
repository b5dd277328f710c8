package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/run"
	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// adminGrace is how long the admin API may take to end after the instances.
const adminGrace = 2 * time.Second

func newServe(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the supervisor and its instances", Args: cobra.NoArgs,
		Long: "serve runs the instances of a configuration and the admin API until it is told to stop.\n" +
			"SIGINT and SIGTERM drain all instances; a second one cuts the drain short. SIGHUP, and any\n" +
			"change of the files, applies the configuration again: just what changed is added, drained or restarted.\n" +
			"Without --config, the environment describes a single instance.",
		Example: "  custodian serve --config configs/local.yaml",
	}
	src := addSource(cmd, s)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		return serve(cmd.Context(), cfg, src, s)
	}
	return cmd
}

// serve wires the process and runs it as one group: supervisor, admin API,
// signals, the watch on the files, and what is told to the terminal.
func serve(ctx context.Context, cfg config.Config, src *source, s streams) error {
	logger, level, flush, err := obs.NewLogger(obs.LogOptions{Level: cfg.Log.Level, Format: cfg.Log.Format, Writer: s.err})
	if err != nil {
		return badInput(err)
	}
	defer func() { _ = flush() }() // nowhere is left to say that it failed
	metrics := obs.NewRegistry()
	server, err := admin.Bind(ctx, cfg.Admin, logger)
	if err != nil {
		return badInput(err)
	}
	build := versionInfo()
	sup, err := supervisor.Open(ctx, supervisor.Options{
		Config: cfg, Load: src.load, Metrics: metrics, Logger: logger, Version: build.Version,
	})
	if err != nil {
		_ = server.Shutdown(ctx) // it has not served yet
		return badInput(err)
	}
	api := admin.New(admin.Options{
		Config: cfg.Admin, Supervisor: sup, Level: level, Logger: logger, Version: build,
		Metrics: metrics.Handler(), Middleware: metrics.AdminMiddleware, Context: server.Context(),
	})
	p := &process{sup: sup, server: server, logger: logger, out: s.out, files: src.files}
	var group run.Group
	supervising, stop := context.WithCancel(ctx)
	defer stop()
	ended := make(chan struct{}) // closed when the supervisor is done
	group.Add(func() error {
		defer close(ended)
		return sup.Run(supervising)
	}, func(error) { stop() })
	group.Add(func() error { return server.Serve(api) }, func(error) { go p.closeAdmin(ended) })
	p.addActor(&group, p.signals)
	p.addActor(&group, p.watch)
	telling, stopTelling := context.WithCancel(context.Background())
	defer stopTelling()
	group.Add(func() error {
		if err := p.tell(telling, cfg); telling.Err() == nil {
			return err
		}
		return nil
	}, func(error) {
		context.AfterFunc(supervising, func() { <-ended; stopTelling() }) // the drain is told as well
	})
	if err := group.Run(); err != nil && !errors.Is(err, errStopped) {
		return &failure{err, exitFailed}
	}
	p.finishTelling()
	if p.wasForced() {
		return silent(exitFailed)
	}
	return nil
}

// errStopped ends the group after a signal.
var errStopped = errors.New("stopped by a signal")

// process is the running supervisor as seen from the command line.
type process struct {
	sup    *supervisor.Supervisor
	server *admin.Server
	logger *slog.Logger
	out    io.Writer
	files  []string

	mu     sync.Mutex
	forced bool
	told   uint64 // id of the last event that was told
}

// addActor adds an actor that ends with a context.
func (p *process) addActor(group *run.Group, fn func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	group.Add(func() error {
		if err := fn(ctx); ctx.Err() == nil {
			return err
		}
		return nil
	}, func(error) { cancel() })
}

// closeAdmin keeps the admin API answering while the instances drain, so that
// the drain can be watched, and closes it then.
func (p *process) closeAdmin(ended <-chan struct{}) {
	<-ended
	ctx, cancel := context.WithTimeout(context.Background(), adminGrace)
	defer cancel()
	if err := p.server.Shutdown(ctx); err != nil {
		p.logger.Warn("closing the admin API", "error", err)
	}
}

// signals returns after the first SIGINT or SIGTERM, which begins the drain. It
// leaves behind who listens for the second one.
func (p *process) signals(ctx context.Context) error {
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	for {
		select {
		case sig := <-signals:
			if sig == syscall.SIGHUP {
				p.reload(ctx, "SIGHUP")
				continue
			}
			fmt.Fprintf(p.out, "%s: draining all instances; once more to force\n", sig)
			go p.force(signals)
			return errStopped
		case <-ctx.Done():
			signal.Stop(signals)
			return nil
		}
	}
}

// force cuts the drain short at the second signal.
func (p *process) force(signals <-chan os.Signal) {
	for sig := range signals {
		if sig == syscall.SIGHUP {
			continue
		}
		p.mu.Lock()
		p.forced = true
		p.mu.Unlock()
		fmt.Fprintf(p.out, "%s again: cutting off what is left\n", sig)
		p.sup.Force()
		return
	}
}

func (p *process) wasForced() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.forced
}

// reload applies the configuration again.
func (p *process) reload(ctx context.Context, why string) {
	changes, err := p.sup.Reload(ctx)
	if err != nil {
		p.logger.Error("configuration not applied, nothing changed", "because_of", why, "error", err)
		return
	}
	p.logger.Info("configuration applied", "because_of", why, "changes", len(changes))
}
