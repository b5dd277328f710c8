package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (a *app) serveCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "serve", Short: "Run the supervisor and its custodians", Args: exactly(),
		Long: `Run the supervisor and the custodians of its configuration until SIGTERM or
SIGINT, which drains them all, each within its drain_grace (and up to five seconds
more to close what it holds at its store); a second one cuts off what is left, a
third ends the process at once. SIGHUP, or a change of a file, adds, drains and
restarts just what changed; a file with mistakes changes nothing.

Started by systemd it takes over the port of the admin API from a socket unit, and
tells when it is ready and when it stops.

The exit code is 0 if everything was finished, 2 if nothing was started (mistakes
in the configuration, a store or an admin port that cannot be used), 3 if requests
were cut off when the grace period ended, 4 if a second signal cut the drain short,
and 1 after any other failure. Whatever it is, what was acknowledged is durable.

Any key can be set by a variable too: storage.driver is CUSTODIAN_STORAGE_DRIVER.
With no --config the environment describes a single custodian:
SERVICE_INSTANCE_NAME, HTTP_PORT, GRPC_PORT, POSTGRES_URL, REDIS_URL, …`,
		Example: "  custodian serve --config configs/local.yaml",
	}
	files, load := a.sources(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		return a.serve(cmd.Context(), cfg, *files, load)
	}
	return cmd
}

// closeTimeout bounds what is to be undone after a start that failed.
const closeTimeout = 5 * time.Second

// serve runs a configuration. What cannot be started at all is an input error
// in one line, with the next step in another.
func (a *app) serve(ctx context.Context, cfg config.Config, files []string, load func() (config.Config, error)) error {
	// From here on signals are ours: the first one may come before all is up.
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)

	logger, level, flush, err := obs.NewLogger(obs.LogOptions{Level: cfg.Log.Level, Format: cfg.Log.Format, Writer: a.err, Colours: bool(a.logged)})
	if err != nil {
		return inputError(err)
	}
	defer func() { _ = flush() }() // there is no place left to report it
	server, err := a.bind(ctx, cfg.Admin, logger)
	if err != nil {
		return inputError(err)
	}
	// From here on the port is known, which instances are not to be given.
	cfg = listening(cfg, server)
	read := load
	load = func() (config.Config, error) {
		c, err := read()
		return listening(c, server), err
	}
	withdraw, err := publish(cfg.Admin.AddressFile, server.URL(), logger)
	if err != nil {
		_ = server.Shutdown(ctx) // nobody has been answered yet
		return inputError(err)
	}
	defer withdraw()
	leaveRoomForGarbage()
	background, done := context.WithCancel(ctx)
	defer done()
	returnMemory(background)
	metrics := obs.NewRegistry()
	tracing, err := a.traces(ctx, cfg, logger)
	if err != nil {
		return inputError(err)
	}
	defer func() {
		ending, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		if err := tracing.Close(ending); err != nil {
			logger.Warn("the last traces are lost", "error", err)
		}
	}()
	warnOfClearText(logger, cfg)
	files = append(files[:len(files):len(files)], tlsFiles(cfg)...)
	reload := &reloader{load: load, files: files, now: cfg, level: level, server: server, logger: logger, asked: make(chan string, 1)}
	opening, stopOpening := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	opened := a.screen.ShowLive(func() terminal.Progress { return terminal.Progress{What: "connecting to the servers"} })
	sup, err := supervisor.Open(opening, supervisor.Options{
		Config: cfg, Load: reload.read, Metrics: metrics, Tracing: tracing, Logger: logger, Version: a.build.Version,
	})
	opened()
	interrupted := opening.Err() != nil
	stopOpening()
	if err != nil {
		undo, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
		defer cancel()
		_ = server.Shutdown(undo) // nobody has been answered yet
		if interrupted {
			return &failure{code: codeFailed, err: errors.New("interrupted before anything was started")}
		}
		return advise(inputError(err), "custodian doctor with the same --config says what is missing and what to do")
	}
	reload.supervisor = sup
	api := admin.New(admin.Options{
		Config: cfg.Admin, Supervisor: sup, Level: level, Logger: logger, Version: a.build,
		Metrics: metrics.Handler(), Middleware: adminMiddleware(metrics, tracing), Context: server.Context(),
	})
	reload.api = api
	p := &process{
		supervisor: sup, server: server, api: api, reload: reload, signals: signals, logger: logger,
		reporter: newReporter(sup, a.screen, a.out, logger, server.URL()),
		manager:  a.manager(logger),
	}
	return p.run(ctx)
}

// traces returns where traces go, nil for nowhere.
func (a *app) traces(ctx context.Context, cfg config.Config, logger *slog.Logger) (*obs.Tracing, error) {
	if cfg.Tracing.Endpoint == "" {
		return nil, nil
	}
	tracing, err := obs.NewTracing(ctx, obs.TracingOptions{
		Endpoint: cfg.Tracing.Endpoint, Sample: 1 / float64(max(1, cfg.Tracing.OneIn)), Logger: logger,
		Service: cmp.Or(cfg.Service.Name, "custodian"), Version: cmp.Or(cfg.Service.Version, a.build.Version),
	})
	if err != nil {
		return nil, fmt.Errorf("tracing.endpoint: %w", err)
	}
	return tracing, nil
}

// adminMiddleware meters and follows the requests to the admin API.
func adminMiddleware(metrics *obs.Registry, tracing *obs.Tracing) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler { return tracing.HTTP("", metrics.AdminMiddleware(next)) }
}

// warnOfClearText tells what the operator may not have thought of: secrets that
// travel where others can read them.
func warnOfClearText(logger *slog.Logger, cfg config.Config) {
	if host, _, err := net.SplitHostPort(cfg.Admin.Listen); err == nil && !access.Loopback(host) && cfg.Admin.TLS.Cert == "" {
		logger.Warn("tokens of the admin API travel in clear text: without admin.tls whoever is on the way can read them", "listen", cfg.Admin.Listen)
	}
	if access.Loopback(cfg.Ports.Host) || cfg.Ports.TLS.Cert != "" {
		return
	}
	for _, i := range cfg.Instances {
		if len(cfg.Resolve(i).APIKeys) > 0 {
			logger.Warn("API keys travel in clear text: without ports.tls whoever is on the way can read them", "host", cfg.Ports.Host)
			return
		}
	}
}

func tlsFiles(c config.Config) []string {
	var files []string
	for _, file := range []string{c.Admin.TLS.Cert, c.Admin.TLS.Key, c.Admin.TLS.ClientCA, c.Ports.TLS.Cert, c.Ports.TLS.Key, c.Ports.TLS.ClientCA} {
		if file != "" {
			files = append(files, file)
		}
	}
	return files
}

// errForced says that a second signal cut the drain short.
var errForced = errors.New("cut off by a second signal; what was acknowledged is durable all the same")
