package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// operation is one call that does something to one instance.
type operation func(ctx context.Context, api *client.Client, name string) (wire.Instance, error)

// operatesAtOnce bounds the instances that one command operates on at a time.
const operatesAtOnce = 16

// operate makes a command that does something to instances, all at once, and
// says how they are afterwards. Doing is what it is called while it lasts, if it does.
func (a *app) operate(c *connection, use, doing, short string, do operation) *cobra.Command {
	cmd := &cobra.Command{Use: use + " NAME…", Short: short, Args: atLeastOne("NAME"), ValidArgsFunction: c.names(true)}
	output := addFormat(cmd)
	cmd.RunE = c.call(func(ctx context.Context, api *client.Client, names []string) error {
		results := make([]wire.Instance, len(names))
		errs := make([]error, len(names))
		watched := a.watched
		if wait := cmd.Flags().Lookup("wait"); wait == nil || wait.Value.String() == "false" {
			watched = unwatched
		}
		watched(ctx, api, doing, names, func(done func()) {
			room := make(chan struct{}, operatesAtOnce)
			var calls sync.WaitGroup
			for n, name := range names {
				room <- struct{}{}
				calls.Go(func() {
					defer func() { done(); <-room }()
					results[n], errs[n] = do(ctx, api, name)
				})
			}
			calls.Wait()
		})
		return a.results(output, results, errs)
	})
	return cmd
}

// results prints what became of several instances. One error is returned as it
// is, of several all are printed.
func (a *app) results(output *format, results []wire.Instance, errs []error) error {
	var failed []error
	var done []wire.Instance
	var interrupted error
	for n := range results {
		switch {
		case errs[n] == nil:
			done = append(done, results[n])
		case errors.Is(errs[n], context.Canceled):
			interrupted = errs[n] // as all that were under way
		default:
			failed = append(failed, errs[n])
		}
	}
	if err := a.printInstances(output, done, len(results) > 1); err != nil {
		return err
	}
	if len(failed) == 1 && interrupted == nil {
		return failed[0]
	}
	code := codeOK
	for _, err := range failed {
		code = max(code, a.report(nil, err))
	}
	if interrupted != nil || code == codeOK {
		return interrupted
	}
	return &failure{code: code}
}

func addWait(cmd *cobra.Command) *bool {
	return cmd.Flags().Bool("wait", true, "return only when it is done")
}

func addGrace(cmd *cobra.Command) *time.Duration {
	return cmd.Flags().Duration("grace", 0, "time for what is in flight, like 30s (default the instance's own)")
}

// simpleCommand makes a command that only knows whether to wait.
func (a *app) simpleCommand(c *connection, use, doing, short string,
	do func(ctx context.Context, api *client.Client, name string, wait bool) (wire.Instance, error),
) *cobra.Command {
	var wait *bool
	cmd := a.operate(c, use, doing, short, func(ctx context.Context, api *client.Client, name string) (wire.Instance, error) {
		return do(ctx, api, name, *wait)
	})
	wait = addWait(cmd)
	return cmd
}

// immediateCommand makes a command of an operation that takes no time.
func (a *app) immediateCommand(c *connection, use, short string,
	do func(api *client.Client, ctx context.Context, name string) (wire.Instance, error),
) *cobra.Command {
	return a.operate(c, use, "", short, func(ctx context.Context, api *client.Client, name string) (wire.Instance, error) {
		return do(api, ctx, name)
	})
}

func (a *app) drainCommand(c *connection) *cobra.Command {
	var wait *bool
	var grace *time.Duration
	cmd := a.operate(c, "drain", "draining", "Stop instances in good order; data and entries are kept", func(ctx context.Context, api *client.Client, name string) (wire.Instance, error) {
		return api.Drain(ctx, name, *grace, *wait)
	})
	wait, grace = addWait(cmd), addGrace(cmd)
	return cmd
}

func (a *app) restartCommand(c *connection) *cobra.Command {
	var wait *bool
	var grace *time.Duration
	cmd := a.operate(c, "restart", "restarting", "Drain instances and start them again", func(ctx context.Context, api *client.Client, name string) (wire.Instance, error) {
		return api.Restart(ctx, name, *grace, *wait)
	})
	wait, grace = addWait(cmd), addGrace(cmd)
	return cmd
}

func (a *app) resetCommand(c *connection) *cobra.Command {
	var wait *bool
	var grace *time.Duration
	cmd := a.operate(c, "reset", "resetting", "Drop the books of instances and start them again with their opening", func(ctx context.Context, api *client.Client, name string) (wire.Instance, error) {
		return api.Reset(ctx, name, *grace, *wait)
	})
	wait, grace = addWait(cmd), addGrace(cmd)
	a.confirmed(cmd, "drops all books of %s and begins anew")
	return cmd
}

func (a *app) removeCommand(c *connection) *cobra.Command {
	var options client.RemoveOptions
	cmd := &cobra.Command{
		Use: "remove NAME…", Aliases: []string{"rm"}, Short: "Drain instances and forget them", Args: atLeastOne("NAME"), ValidArgsFunction: c.names(true),
		Long: `Drain instances and forget them. Their data is kept unless --purge is given.
Instances of a configuration file are removed there.`,
	}
	flags := cmd.Flags()
	flags.BoolVar(&options.Purge, "purge", false, "also drop the books and the keys in Redis")
	flags.BoolVar(&options.Wait, "wait", true, "return only when it is done")
	flags.DurationVar(&options.Grace, "grace", 0, "time for what is in flight, like 30s (default the instance's own)")
	cmd.RunE = c.call(func(ctx context.Context, api *client.Client, names []string) error {
		code, done, watched := codeOK, "removed ", a.watched
		if !options.Wait {
			done, watched = "removing ", unwatched
		}
		var failed error // writing, or interrupted
		watched(ctx, api, "removing", names, func(one func()) {
			for _, name := range names {
				if err := api.Remove(ctx, name, options); ctx.Err() != nil {
					failed = ctx.Err()
					return
				} else if err != nil {
					code = max(code, a.report(nil, err))
				} else if _, failed = fmt.Fprintln(a.out, done+name); failed != nil {
					return
				}
				one()
			}
		})
		if failed != nil {
			return failed
		}
		if code != codeOK {
			return &failure{code: code}
		}
		return nil
	})
	a.confirmed(cmd, "drops all books of %s for good", func() bool { return options.Purge })
	return cmd
}

// confirmed makes a command ask a person before it destroys something. Programs,
// whose standard input is no terminal, cannot be asked and have to say --yes.
func (a *app) confirmed(cmd *cobra.Command, what string, only ...func() bool) {
	yes := cmd.Flags().BoolP("yes", "y", false, "do not ask; required where there is no terminal to ask at")
	next := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, names []string) error {
		for _, destroys := range only {
			if !destroys() {
				return next(cmd, names)
			}
		}
		if *yes {
			return next(cmd, names)
		}
		consequence := "this " + fmt.Sprintf(what, strings.Join(names, ", "))
		if !terminal.Is(a.in) {
			return inputError(errors.New(consequence + ", and there is no terminal to ask at: give --yes to go on"))
		}
		if _, err := fmt.Fprint(a.err, consequence+"; go on? [y/N] "); err != nil {
			return err
		}
		answer, _ := bufio.NewReader(a.in).ReadString('\n') // none is no
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "y", "yes":
			return next(cmd, names)
		}
		return errors.New("nothing was done")
	}
}
