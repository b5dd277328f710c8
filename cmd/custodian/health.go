package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// healthTimeout bounds the wait for an answer, unless the caller says how long:
// who asks for health cannot wait for a process that hangs.
const healthTimeout = 5 * time.Second

func (a *app) healthCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "health", Short: "Ask a running supervisor whether it answers, and exit 1 if it does not", Args: exactly(),
		Long: `Ask the admin API of a running supervisor whether the process answers, or with
--ready whether it is ready, which it is not while it starts and while it drains.
Custodians that have trouble make it degraded, not unready. No token is needed.
It is for the health checks of containers, which have no other program to ask with.`,
		Example: "  custodian health --ready",
	}
	c := a.connect(cmd)
	output := addFormat(cmd)
	ready := cmd.Flags().Bool("ready", false, "ask whether it is ready, not just whether it answers")
	timeout := cmd.Flags().Duration("timeout", healthTimeout, "how long to wait for the answer")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *timeout <= 0 {
			return usageError(cmd, fmt.Errorf("--timeout: must be longer than 0s, not %s", *timeout))
		}
		return c.call(func(ctx context.Context, api *client.Client, _ []string) error {
			return within(ctx, api, *timeout, func(ctx context.Context) error { return a.health(ctx, api, output, *ready) })
		})(cmd, args)
	}
	return cmd
}

func (a *app) health(ctx context.Context, api *client.Client, output *format, ready bool) error {
	if !ready {
		if err := api.Health(ctx); err != nil {
			return err
		}
		if output.json() {
			return printJSON(a.out, wire.Health{Status: "ok"})
		}
		_, err := fmt.Fprintf(a.out, "ok: %s answers\n", api.URL())
		return err
	}
	answer, err := api.Readiness(ctx)
	if err != nil {
		return err
	}
	if output.json() {
		err = printJSON(a.out, answer)
	} else {
		err = a.printReadiness(answer)
	}
	if err == nil && !answer.Ready {
		return &failure{code: codeFailed}
	}
	return err
}

func (a *app) printReadiness(r wire.Readiness) error {
	text := r.Status
	if len(r.NotReady) > 0 {
		text += ": not ready are " + strings.Join(r.NotReady, ", ")
	}
	_, err := fmt.Fprintln(a.out, oneLine(text))
	return err
}
