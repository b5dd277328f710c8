package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func newEvents(s streams) *cobra.Command {
	cmd := &cobra.Command{Use: "events", Short: "Show what happens to the instances of a running supervisor", Args: cobra.NoArgs}
	r := addRemote(cmd, s)
	instance := cmd.Flags().StringP("instance", "i", "", "only of this instance")
	follow := cmd.Flags().BoolP("follow", "f", false, "go on until interrupted")
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		show := func(e wire.Event) error {
			if *format == "json" {
				return json.NewEncoder(s.out).Encode(e)
			}
			_, err := fmt.Fprintf(s.out, "%s  %-32s %-9s %s\n", e.Time.Format(time.RFC3339), e.Instance, e.State, e.Detail)
			return err
		}
		if *follow {
			err := c.Follow(cmd.Context(), 0, *instance, show)
			if errors.Is(err, context.Canceled) {
				return nil
			}
			return ofServer(err)
		}
		page, err := c.Events(cmd.Context(), 0, *instance)
		if err != nil {
			return ofServer(err)
		}
		for _, e := range page.Events {
			if err := show(e); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

func newConfig(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "config", Short: "Read and replace the desired state of a running supervisor", Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	r := addRemote(cmd, s)
	get := &cobra.Command{Use: "get", Short: "Print the desired state as JSON, its entity tag on the error stream", Args: cobra.NoArgs}
	get.RunE = func(cmd *cobra.Command, _ []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		document, etag, err := c.Config(cmd.Context())
		if err != nil {
			return ofServer(err)
		}
		fmt.Fprintln(s.err, "etag: "+etag)
		return printJSON(s.out, json.RawMessage(document))
	}
	cmd.AddCommand(get,
		newPut(s, r, "put", "Make a document the desired state", false),
		newPut(s, r, "plan", "Show what a document would change", true))
	return cmd
}

func newPut(s streams, r *remote, use, short string, dryRun bool) *cobra.Command {
	cmd := &cobra.Command{Use: use + " FILE", Short: short + "; - for standard input", Args: cobra.ExactArgs(1)}
	etag := cmd.Flags().String("etag", "", "entity tag that the desired state must still have")
	format := addOutput(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		document, err := readDocument(s, args[0])
		if err != nil {
			return badInput(err)
		}
		c, err := r.connect()
		if err != nil {
			return err
		}
		plan, tag, err := c.PutConfig(cmd.Context(), document, *etag, dryRun)
		if err != nil {
			return ofServer(err)
		}
		if *format == "json" {
			return printJSON(s.out, plan)
		}
		fmt.Fprintln(s.err, "etag: "+tag)
		if len(plan.Changes) == 0 {
			_, err := fmt.Fprintln(s.out, "nothing changes")
			return err
		}
		t := newTable(s.out, "ACTION", "INSTANCE")
		for _, change := range plan.Changes {
			t.row(change.Action, change.Instance)
		}
		return t.flush()
	}
	return cmd
}

func readDocument(s streams, file string) ([]byte, error) {
	if file == "-" {
		return io.ReadAll(io.LimitReader(s.in, maxEntry))
	}
	return os.ReadFile(file)
}

func newLogLevel(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "log-level [LEVEL]", Short: "Show or set the log level of a running supervisor", Args: cobra.MaximumNArgs(1),
		ValidArgs: []string{"debug", "info", "warn", "error"},
	}
	r := addRemote(cmd, s)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c, err := r.connect()
		if err != nil {
			return err
		}
		if len(args) == 1 {
			return ofServer(c.SetLogLevel(cmd.Context(), args[0]))
		}
		level, err := c.LogLevel(cmd.Context())
		if err != nil {
			return ofServer(err)
		}
		_, err = fmt.Fprintln(s.out, level)
		return err
	}
	return cmd
}
