package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func (a *app) eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "events", Short: "Show what happened to the instances, and what happens", Args: exactly(),
		Long: `Show the lifecycle events of all instances, as far as the supervisor still has
them; with --follow go on with each as it happens. As JSON each event is a line.`,
		Example: "  custodian events --follow --instance alpine-bank",
	}
	c := a.connect(cmd)
	flags := cmd.Flags()
	follow := flags.BoolP("follow", "f", false, "go on until interrupted")
	after := flags.Uint64("after", 0, "only events with a greater id")
	instance := flags.StringP("instance", "i", "", "only those of one instance")
	output := addFormat(cmd)
	_ = cmd.RegisterFlagCompletionFunc("instance", c.name) // the flag is there
	show := func(e wire.Event) error { return a.printEvent(output, e) }
	following := c.call(func(ctx context.Context, api *client.Client, _ []string) error {
		err := api.Follow(ctx, *after, *instance, show)
		if errors.Is(err, context.Canceled) {
			return nil // which is how it is meant to end
		}
		return err
	})
	once := c.ask(func(ctx context.Context, api *client.Client, _ []string) error {
		page, err := api.Events(ctx, *after, *instance)
		if err != nil {
			return err
		}
		if len(page.Events) == 0 && *instance != "" {
			_, err := api.Instance(ctx, *instance) // it may be misspelt
			return err
		}
		for _, e := range page.Events {
			if err := show(e); err != nil {
				return err
			}
		}
		return nil
	})
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if *follow {
			return following(cmd, args)
		}
		return once(cmd, args)
	}
	return cmd
}

// printEvent prints an event in one line. The columns have fixed widths, since
// what is to come is not known.
func (a *app) printEvent(output *format, e wire.Event) error {
	if output.json() {
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(a.out, "%s\n", line)
		return err
	}
	line := fmt.Sprintf("%6d  %s  %-24s  %-9s", e.ID, e.Time.Format(time.RFC3339), e.Instance, e.State)
	if e.Detail != "" {
		line += "  " + oneLine(e.Detail)
	}
	_, err := fmt.Fprintln(a.out, line)
	return err
}
