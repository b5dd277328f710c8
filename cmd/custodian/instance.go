package main

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func (a *app) instanceCommand() *cobra.Command {
	cmd := group("instance", "See, add, drain and remove the custodians of a running supervisor")
	cmd.Aliases = []string{"instances"}
	c := a.connect(cmd)
	cmd.AddCommand(
		a.listCommand(c), a.showCommand(c), a.addCommand(c), a.drainCommand(c), a.removeCommand(c), a.resetCommand(c), a.restartCommand(c),
		a.simpleCommand(c, "start", "starting", "Start instances that are drained or failed", func(ctx context.Context, api *client.Client, name string, wait bool) (wire.Instance, error) {
			return api.Start(ctx, name, wait)
		}),
		a.cloneCommand(c), a.snapshotCommand(c), a.restoreCommand(c),
		a.immediateCommand(c, "pause", "Let instances answer 503 until they are resumed", (*client.Client).Pause),
		a.immediateCommand(c, "resume", "End the pause of instances", (*client.Client).Resume),
	)
	return cmd
}

func (a *app) listCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "list", Aliases: []string{"ls"}, Short: "List all instances", Args: exactly()}
	output := addFormat(cmd)
	cmd.RunE = c.ask(func(ctx context.Context, api *client.Client, _ []string) error {
		list, err := api.Instances(ctx)
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(a.out, wire.Instances{Instances: list})
		}
		if len(list) == 0 {
			_, err := fmt.Fprintln(a.out, "no instances")
			return err
		}
		var t table
		t.row("NAME", "STATE", "READY", "HTTP", "GRPC", "STORAGE", "FROM", "RESTARTS", "SINCE", "LAST ERROR")
		for _, i := range list {
			t.row(i.Name, i.State, readiness(i), i.HTTPAddr, i.GRPCAddr, i.Storage, i.ManagedBy, strconv.Itoa(i.Restarts), age(i.Since), dash(i.LastError))
		}
		return t.print(a.out)
	})
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

// age words how long ago something was.
func age(t time.Time) string {
	d := time.Since(t)
	switch {
	case t.IsZero():
		return "-"
	case d < time.Minute:
		return strconv.Itoa(int(max(d, 0).Seconds())) + "s"
	case d < time.Hour:
		return strconv.Itoa(int(d.Minutes())) + "m"
	case d < 48*time.Hour:
		return strconv.Itoa(int(d.Hours())) + "h"
	}
	return strconv.Itoa(int(d.Hours()/24)) + "d"
}

func (a *app) showCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{Use: "show NAME", Short: "Show all there is to know of an instance", Args: exactly("NAME"), ValidArgsFunction: c.names(false)}
	output := addFormat(cmd)
	cmd.RunE = c.ask(func(ctx context.Context, api *client.Client, args []string) error {
		i, err := api.Instance(ctx, args[0])
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(a.out, i)
		}
		var t table
		t.row("name", i.Name)
		t.row("state", i.State+" since "+i.Since.Format(time.RFC3339))
		t.row("ready", readiness(i))
		t.row("http", i.HTTPAddr)
		t.row("grpc", i.GRPCAddr)
		t.row("profile", i.Profile)
		t.row("storage", i.Storage)
		t.row("schema", i.Schema)
		t.row("redis prefix", i.RedisPrefix)
		t.row("managed by", i.ManagedBy)
		t.row("restarts", strconv.Itoa(i.Restarts))
		t.row("durable", strconv.FormatUint(i.Durable, 10))
		t.row("projected", strconv.FormatUint(i.Projected, 10))
		if i.Drain != nil {
			t.row("drain", fmt.Sprintf("%s, %d in flight, from %s to %s at the latest",
				i.Drain.Step, i.Drain.InFlight, i.Drain.StartedAt.Format(time.RFC3339), i.Drain.Deadline.Format(time.RFC3339)))
		}
		t.row("last error", dash(i.LastError))
		return t.print(a.out)
	})
	return cmd
}

// summary is what is said of an instance in one line.
func summary(i wire.Instance) []string {
	cells := []string{i.Name, i.State, "http " + i.HTTPAddr, "grpc " + i.GRPCAddr}
	if i.LastError != "" && i.State != "running" {
		cells = append(cells, i.LastError)
	}
	return cells
}

// printInstance says how an instance is after an operation.
func (a *app) printInstance(output *format, i wire.Instance) error {
	return a.printInstances(output, []wire.Instance{i}, false)
}

// printInstances is printInstance for the instances of one command. As JSON,
// several are a list even where only one of them is left.
func (a *app) printInstances(output *format, list []wire.Instance, several bool) error {
	switch {
	case len(list) == 0:
		return nil
	case output.json() && several:
		return printJSON(a.out, wire.Instances{Instances: list})
	case output.json():
		return printJSON(a.out, list[0])
	}
	var t table
	for _, i := range list {
		t.row(summary(i)...)
	}
	return t.print(a.out)
}
