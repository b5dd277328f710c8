package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func newInstance(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "instance", Short: "List, add, drain and otherwise manage the instances of a running supervisor",
		Aliases: []string{"instances"}, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	r := addRemote(cmd, s)
	cmd.AddCommand(newList(s, r), newShow(s, r), newAdd(s, r), newRemove(s, r))
	for _, o := range operations {
		cmd.AddCommand(newOperation(s, r, o))
	}
	return cmd
}

func newList(s streams, r *remote) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List all instances", Args: cobra.NoArgs}
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		list, err := c.Instances(cmd.Context())
		if err != nil {
			return ofServer(err)
		}
		if *format == "json" {
			return printJSON(s.out, wire.Instances{Instances: list})
		}
		t := newTable(s.out, "NAME", "STATE", "READY", "HTTP", "GRPC", "STORAGE", "MANAGED BY", "RESTARTS", "SINCE", "LAST ERROR")
		for _, i := range list {
			t.row(i.Name, i.State, readiness(i), i.HTTPAddr, i.GRPCAddr, i.Storage, i.ManagedBy, i.Restarts, ago(i.Since), i.LastError)
		}
		return t.flush()
	}
	return cmd
}

func readiness(i wire.Instance) string {
	switch {
	case i.Degraded:
		return "degraded"
	case i.Ready:
		return "yes"
	}
	return "no"
}

func ago(t time.Time) string { return time.Since(t).Round(time.Second).String() }

func newShow(s streams, r *remote) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show one instance", Args: cobra.ExactArgs(1), ValidArgsFunction: r.completeNames}
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		i, err := c.Instance(cmd.Context(), args[0])
		if err != nil {
			return ofServer(err)
		}
		return printInstance(s, *format, i)
	}
	return cmd
}

func printInstance(s streams, format string, i wire.Instance) error {
	if format == "json" {
		return printJSON(s.out, i)
	}
	t := newTable(s.out, "name", i.Name)
	t.row("state", i.State)
	t.row("since", i.Since.Format(time.RFC3339))
	t.row("ready", readiness(i))
	t.row("http", i.HTTPAddr)
	t.row("grpc", i.GRPCAddr)
	t.row("profile", i.Profile)
	t.row("storage", i.Storage)
	t.row("schema", i.Schema)
	t.row("redis prefix", i.RedisPrefix)
	t.row("managed by", i.ManagedBy)
	t.row("restarts", i.Restarts)
	t.row("durable event", i.Durable)
	t.row("projected event", i.Projected)
	if i.LastError != "" {
		t.row("last error", i.LastError)
	}
	if i.Drain != nil {
		t.row("drain", fmt.Sprintf("%s, %d in flight, deadline %s", i.Drain.Step, i.Drain.InFlight, i.Drain.Deadline.Format(time.RFC3339)))
	}
	return t.flush()
}

// operation is a command on one instance.
type operation struct {
	name, short string
	// grace reports that the operation drains; waits that it can be waited for.
	grace, waits bool
	do           func(ctx context.Context, c *client.Client, name string, grace time.Duration, wait bool) (wire.Instance, error)
}

var operations = []operation{
	{"drain", "Stop an instance in good order; its data and entry are kept", true, true,
		func(ctx context.Context, c *client.Client, name string, grace time.Duration, wait bool) (wire.Instance, error) {
			return c.Drain(ctx, name, grace, wait)
		}},
	{"start", "Start a drained or failed instance", false, true,
		func(ctx context.Context, c *client.Client, name string, _ time.Duration, wait bool) (wire.Instance, error) {
			return c.Start(ctx, name, wait)
		}},
	{"restart", "Drain an instance and start it again", true, true,
		func(ctx context.Context, c *client.Client, name string, grace time.Duration, wait bool) (wire.Instance, error) {
			return c.Restart(ctx, name, grace, wait)
		}},
	{"reset", "Drain an instance, drop its books and start it with its opening", true, true,
		func(ctx context.Context, c *client.Client, name string, grace time.Duration, wait bool) (wire.Instance, error) {
			return c.Reset(ctx, name, grace, wait)
		}},
	{"pause", "Let an instance answer 503 paused until it is resumed", false, false,
		func(ctx context.Context, c *client.Client, name string, _ time.Duration, _ bool) (wire.Instance, error) {
			return c.Pause(ctx, name)
		}},
	{"resume", "End a pause", false, false,
		func(ctx context.Context, c *client.Client, name string, _ time.Duration, _ bool) (wire.Instance, error) {
			return c.Resume(ctx, name)
		}},
}

func newOperation(s streams, r *remote, o operation) *cobra.Command {
	cmd := &cobra.Command{Use: o.name + " NAME", Short: o.short, Args: cobra.ExactArgs(1), ValidArgsFunction: r.completeNames}
	format := addOutput(cmd)
	grace, wait := time.Duration(0), true
	if o.grace {
		cmd.Flags().DurationVar(&grace, "grace", 0, "how long work in flight may take (default: the instance's drain_grace)")
	}
	if o.waits {
		cmd.Flags().BoolVar(&wait, "wait", true, "return only when it is done")
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		stop := func() {}
		if o.waits && wait {
			stop = progress(cmd.Context(), c, s, args[0])
		}
		i, err := o.do(cmd.Context(), c, args[0], grace, wait)
		stop()
		if err != nil {
			return ofServer(err)
		}
		return printInstance(s, *format, i)
	}
	return cmd
}

// progress shows what happens to an instance, on the error stream, until it is
// told to stop.
func progress(ctx context.Context, c *client.Client, s streams, name string) (stop func()) {
	seen, err := c.Events(ctx, 0, name)
	if err != nil {
		return func() {} // the operation itself will say what is wrong
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = c.Follow(ctx, seen.LastID, name, func(e wire.Event) error { // shown as far as it can be had
			fmt.Fprintf(s.err, "%s: %s %s\n", e.Instance, e.State, e.Detail)
			return nil
		})
	}()
	return func() { cancel(); <-done }
}

func newRemove(s streams, r *remote) *cobra.Command {
	var o client.RemoveOptions
	cmd := &cobra.Command{
		Use: "remove NAME", Short: "Drain an instance and forget it", Args: cobra.ExactArgs(1), ValidArgsFunction: r.completeNames,
	}
	cmd.Flags().DurationVar(&o.Grace, "grace", 0, "how long work in flight may take (default: the instance's drain_grace)")
	cmd.Flags().BoolVar(&o.Purge, "purge", false, "also drop its books and its keys in Redis")
	cmd.Flags().BoolVar(&o.Wait, "wait", true, "return only when it is done")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		if err := c.Remove(cmd.Context(), args[0], o); err != nil {
			return ofServer(err)
		}
		_, err = fmt.Fprintf(s.err, "%s: removed\n", args[0])
		return err
	}
	return cmd
}

// completeNames completes the names of instances for the shell.
func (r *remote) completeNames(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	c, err := r.connect()
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	list, err := c.Instances(cmd.Context())
	if err != nil {
		return nil, cobra.ShellCompDirectiveError
	}
	names := make([]string, len(list))
	for n, i := range list {
		names[n] = i.Name
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

var errEntryTwice = errors.New("give either --file or --name, not both")
