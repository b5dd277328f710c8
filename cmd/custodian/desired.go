package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func (a *app) configCommand() *cobra.Command {
	cmd := group("config", "See and replace what a running supervisor is meant to run")
	cmd.Long = `See and replace what a running supervisor is meant to run: all entries, and which
of them are drained or paused. Entries of a configuration file are shown too,
but change only there. Passwords are hidden; where they are put back as they
were shown, they stay as they are.`
	cmd.Example = `  custodian config get >desired.json
  custodian config plan desired.json
  custodian config put desired.json --if-match '"3-2c1e…"'`
	c := a.connect(cmd)
	cmd.AddCommand(a.getConfigCommand(c), a.putConfigCommand(c, "put", "Make a document the desired state", false),
		a.putConfigCommand(c, "plan", "Show what a document would change", true))
	return cmd
}

func (a *app) getConfigCommand(c *connection) *cobra.Command {
	cmd := &cobra.Command{
		Use: "get", Short: "Print the desired state as JSON", Args: exactly(),
		Long: `Print the desired state as JSON. Its entity tag, for config put --if-match, goes
to standard error, or alone to standard output with --tag.`,
	}
	tagOnly := cmd.Flags().Bool("tag", false, "print the entity tag alone")
	cmd.RunE = c.ask(func(ctx context.Context, api *client.Client, _ []string) error {
		document, tag, err := api.Config(ctx)
		if err != nil {
			return err
		}
		if *tagOnly {
			_, err := fmt.Fprintln(a.out, tag)
			return err
		}
		var indented bytes.Buffer
		if err := json.Indent(&indented, bytes.TrimSpace(document), "", "  "); err != nil {
			return fmt.Errorf("the answer is no JSON: %w", err)
		}
		if _, err := fmt.Fprintf(a.out, "%s\n", &indented); err != nil {
			return err
		}
		_, err = fmt.Fprintln(a.err, "etag:", tag)
		return err
	})
	return cmd
}

func (a *app) putConfigCommand(c *connection, use, short string, dryRun bool) *cobra.Command {
	cmd := &cobra.Command{
		Use: use + " FILE", Short: short, Args: exactly("FILE"),
		Long: short + ": JSON or YAML in a file, or - for standard input.",
	}
	tag := cmd.Flags().String("if-match", "", "only if the desired state still has this entity tag")
	output := addFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		document, err := a.document(args[0])
		if err != nil {
			return err
		}
		return c.call(func(ctx context.Context, api *client.Client, _ []string) error {
			plan, _, err := api.PutConfig(ctx, document, *tag, dryRun)
			if err != nil {
				return err
			}
			return a.printPlan(output, plan)
		})(cmd, nil)
	}
	return cmd
}

func (a *app) printPlan(output *format, plan wire.Plan) error {
	if output.json() {
		return printJSON(a.out, plan)
	}
	if len(plan.Changes) == 0 {
		_, err := fmt.Fprintln(a.out, "nothing changes")
		return err
	}
	var t table
	for _, change := range plan.Changes {
		t.row(change.Action, change.Instance)
	}
	return t.print(a.out)
}

func (a *app) logLevelCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "log-level [LEVEL]", Short: "Show or change the log level of a running supervisor", Args: atMost(1),
		Long: `Show or change the log level of a running supervisor, or of one of its instances.
The level "default" gives an instance that of the supervisor again.`,
		ValidArgs: append(logLevels[:len(logLevels):len(logLevels)], "default"), Example: "  custodian log-level debug\n  custodian log-level debug --instance custodian-sim-001\n  custodian log-level default --instance custodian-sim-001",
	}
	c := a.connect(cmd)
	output := addFormat(cmd)
	instance := cmd.Flags().String("instance", "", "name of the instance whose level it is, instead of the supervisor's")
	_ = cmd.RegisterFlagCompletionFunc("instance", c.name) // the option is there
	cmd.RunE = c.ask(func(ctx context.Context, api *client.Client, args []string) error {
		if *instance != "" {
			return a.instanceLogLevel(ctx, api, *instance, args, output)
		}
		if len(args) == 1 {
			if err := api.SetLogLevel(ctx, args[0]); err != nil {
				return err
			}
		}
		level, err := api.LogLevel(ctx)
		if err != nil {
			return err
		}
		if output.json() {
			return printJSON(a.out, wire.LogLevel{Level: level})
		}
		_, err = fmt.Fprintln(a.out, level)
		return err
	})
	return cmd
}

func (a *app) instanceLogLevel(ctx context.Context, api *client.Client, instance string, args []string, output *format) error {
	if len(args) == 1 {
		level := args[0]
		if level == "default" {
			level = ""
		}
		if err := api.SetInstanceLogLevel(ctx, instance, level); err != nil {
			return err
		}
	}
	level, err := api.InstanceLogLevel(ctx, instance)
	if err != nil {
		return err
	}
	if output.json() {
		return printJSON(a.out, level)
	}
	text := level.Level
	if !level.Own {
		text += " (the supervisor's)"
	}
	_, err = fmt.Fprintln(a.out, text)
	return err
}
