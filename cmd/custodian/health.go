package main

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// healthTimeout bounds the wait for an answer, unless the caller says how long:
// who asks for health cannot wait for a process that hangs.
const healthTimeout = 5 * time.Second

// healthPause is the time between two questions of who waits.
const healthPause = 100 * time.Millisecond

func (a *app) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running supervisor whether it answers, and exit 1 if it does not", Args: exactly(),
		Long: `Ask the admin API of a running supervisor whether the process answers, or with
--ready whether it is ready, which it is not while it starts and while it drains.
Custodians that have trouble make it degraded, not unready. No token is needed.
It is for the health checks of containers, which have no other program to ask with.

With --wait it asks again and again until that is so, for scripts that have just
started a supervisor. The exit code is 0 as soon as it is, and 1 if it is not when
the time is over; then it says what the last answer was, or why there was none.`,
		Example: "  custodian health --ready\n  custodian health --ready --wait 30s",
	}
	c := a.connect(cmd)
	output := addFormat(cmd)
	ready := cmd.Flags().Bool("ready", false, "ask whether it is ready, not just whether it answers")
	timeout := cmd.Flags().Duration("timeout", healthTimeout, "how long to wait for an answer")
	wait := cmd.Flags().Duration("wait", 0, "ask again until it is so, for as long as this; 0s asks once")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *timeout <= 0 {
			return usageError(cmd, fmt.Errorf("--timeout: must be longer than 0s, not %s", *timeout))
		}
		if *wait < 0 {
			return usageError(cmd, fmt.Errorf("--wait: must not be negative, but is %s", *wait))
		}
		return interruptible(func(cmd *cobra.Command, _ []string) error {
			h, err := a.awaitHealth(cmd.Context(), c, *ready, *timeout, *wait)
			return a.printHealth(h, err, output)
		})(cmd, args)
	}
	return cmd
}

// health is an answer about it.
type health struct {
	well   bool
	url    string // of who gave it
	text   string
	answer any // as JSON
}

// awaitHealth asks until the answer is good or there is no time left to wait, and
// returns the last answer.
func (a *app) awaitHealth(ctx context.Context, c *connection, ready bool, timeout, wait time.Duration) (health, error) {
	if wait == 0 {
		return askHealth(ctx, c, ready, timeout)
	}
	deadline := time.Now().Add(wait)
	var now atomic.Value // why it goes on
	defer a.screen.Show(func() terminal.Progress {
		detail, _ := now.Load().(string)
		return terminal.Progress{What: "waiting for the supervisor", Deadline: deadline, Detail: detail}
	})()
	pause := time.NewTimer(0)
	defer pause.Stop()
	var last health
	var lastErr error
	for first := true; ; first = false {
		select {
		case <-pause.C:
		case <-ctx.Done():
			return last, ctx.Err()
		}
		left := time.Until(deadline)
		if left <= 0 && !first {
			break
		}
		h, err := askHealth(ctx, c, ready, min(timeout, max(left, time.Millisecond)))
		if ctx.Err() != nil || (err == nil && h.well) {
			return h, ctx.Err()
		}
		if exitCode(err) == codeInput { // it will not get better
			return h, err
		}
		// That the time to wait ended within a question says less than the answer before.
		if first || left >= timeout || time.Now().Before(deadline) {
			last, lastErr = h, err
		}
		now.Store(reason(last, lastErr))
		pause.Reset(min(healthPause, max(0, time.Until(deadline))))
	}
	if lastErr != nil {
		return last, fmt.Errorf("waited for %s: %w", wait, lastErr)
	}
	return last, fmt.Errorf("waited for %s: %s is %s", wait, last.url, last.text)
}

func reason(h health, err error) string {
	if err != nil {
		return err.Error()
	}
	return h.text
}

// askHealth asks once.
func askHealth(ctx context.Context, c *connection, ready bool, timeout time.Duration) (h health, err error) {
	api, err := c.open()
	if err != nil {
		return h, err
	}
	defer api.Close()
	err = within(ctx, api, timeout, func(ctx context.Context) error {
		if !ready {
			h = health{well: true, url: api.URL(), text: "ok: " + api.URL() + " answers", answer: wire.Health{Status: "ok"}}
			return api.Health(ctx)
		}
		r, err := api.Readiness(ctx)
		text := r.Status
		if len(r.NotReady) > 0 {
			text += ": not ready are " + strings.Join(r.NotReady, ", ")
		}
		h = health{well: r.Ready, url: api.URL(), text: text, answer: r}
		return err
	})
	return h, err
}

func (a *app) printHealth(h health, err error, output *format) error {
	switch {
	case err != nil:
		return err
	case output.json():
		err = printJSON(a.out, h.answer)
	default:
		_, err = fmt.Fprintln(a.out, oneLine(h.text))
	}
	if err == nil && !h.well {
		return &failure{code: codeFailed}
	}
	return err
}
