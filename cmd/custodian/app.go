package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// app is what the commands share: where they read, write and look.
type app struct {
	in       io.Reader
	out, err io.Writer
	env      []string // NAME=value
	build    wire.Version
	screen   *terminal.Screen
	colours  terminal.Colours // of out
	logged   terminal.Colours // of the log on err
}

// run is the whole program: it takes the arguments behind the program's name
// and returns the exit code.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer, env []string) int {
	a := &app{in: stdin, env: env, build: buildVersion()}
	a.screen = terminal.NewScreen(stderr, a.getenv)
	a.colours = terminal.ColoursFor(stdout, a.getenv)
	a.logged = terminal.ColoursFor(stderr, a.getenv)
	a.out, a.err = a.screen.Around(stdout), a.screen.Around(stderr)
	root := a.root()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(a.out)
	root.SetErr(a.err)
	called, err := root.ExecuteContextC(ctx)
	return a.report(called, err)
}

func (a *app) root() *cobra.Command {
	root := group("custodian", "Run many simulated custodians in one process, and look after them",
		a.serveCommand(), a.validateCommand(), a.doctorCommand(), a.verifyCommand(), a.provisionCommand(), a.versionCommand(),
		a.instanceCommand(), a.scenarioCommand(), a.eventsCommand(), a.configCommand(), a.logLevelCommand(),
		a.openapiCommand(), a.healthCommand(), a.manCommand(),
	)
	root.Long = `Run many simulated custodians in one process, and look after them.

Exit codes: 0 all went well; 1 something was refused or failed; 2 what was asked
makes no sense, or nothing could be started (usage, mistakes in a configuration, a
store or an admin port that cannot be used). A supervisor that was told to end exits
with 3 where requests were cut off when the grace period ended, with 4 where a second
signal cut the drain short.`
	root.SilenceErrors, root.SilenceUsage = true, true
	root.SetFlagErrorFunc(flagError)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		switch cmd.Name() {
		case "help":
			refuseUnknownHelp(cmd)
		case "completion":
			refuseUnknown(cmd)
		}
	}
	return root
}

// group makes a command that only holds others. Unlike cobra's own it refuses a
// subcommand that it does not know, naming the nearest.
func group(use, short string, commands ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	refuseUnknown(cmd)
	cmd.AddCommand(commands...)
	return cmd
}

// getenv returns the value of a variable, "" if it is not set.
func (a *app) getenv(name string) string {
	value := ""
	for _, pair := range a.env {
		if len(pair) > len(name) && pair[len(name)] == '=' && pair[:len(name)] == name {
			value = pair[len(name)+1:] // the last one wins, as in os/exec
		}
	}
	return value
}
