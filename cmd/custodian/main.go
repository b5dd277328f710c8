// Command custodian hosts many custodian simulators in one process.
//
//	custodian serve --config custodian.yaml
//
// runs the supervisor; custodian help tells the rest. Exit codes: 0 for
// success, 1 where something was refused or failed, 2 for bad input.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// version is set when the program is built.
var version = ""

func main() {
	os.Exit(execute(context.Background(), os.Args[1:], streams{os.Stdin, os.Stdout, os.Stderr, os.Environ()}))
}

// streams are what a command reads and writes. Results go to out, everything
// else to err.
type streams struct {
	in  io.Reader
	out io.Writer
	err io.Writer
	env []string
}

func (s streams) getenv(name string) string {
	for _, pair := range s.env {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}

// Exit codes.
const (
	exitFailed = 1
	exitUsage  = 2
)

// failure is an error that was decided upon an exit code for.
type failure struct {
	error
	code int
}

func (f *failure) Unwrap() error { return f.error }

// badInput makes err end the program with the code for bad input.
func badInput(err error) error {
	if err == nil {
		return nil
	}
	return &failure{err, exitUsage}
}

// silent ends the program with a code and no further word.
func silent(code int) error { return &failure{nil, code} }

// execute runs a command line and returns the exit code.
func execute(ctx context.Context, args []string, s streams) int {
	root := newRoot(s)
	root.SetArgs(args)
	root.SetIn(s.in)
	root.SetOut(s.out)
	root.SetErr(s.err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	code := exitUsage // what cobra reports itself is a mistake in the command line
	if f, ok := errors.AsType[*failure](err); ok {
		code = f.code
		if f.error == nil {
			return code
		}
	}
	if problems, ok := errors.AsType[*config.Problems](err); ok {
		fmt.Fprintln(s.err, problems.Error()) // one line per mistake
	} else {
		fmt.Fprintln(s.err, "custodian: "+oneLine(err))
	}
	return code
}

// oneLine shows an error in a single line.
func oneLine(err error) string { return strings.ReplaceAll(err.Error(), "\n", "; ") }

// ofServer gives errors of the admin API their exit codes.
func ofServer(err error) error {
	if err == nil {
		return nil
	}
	if refusal, ok := errors.AsType[*client.Error](err); ok && refusal.BadInput() {
		return badInput(err)
	}
	return &failure{err, exitFailed}
}

func newRoot(s streams) *cobra.Command {
	root := &cobra.Command{
		Use:   "custodian",
		Short: "Host many custodian simulators in one process",
		Long: "custodian hosts many custodian simulators in one process: each with its own ports,\n" +
			"books and metrics label, added and drained while it runs.",
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newServe(s), newValidate(s), newVerify(s), newVersion(s), newInstance(s), newEvents(s), newConfig(s), newLogLevel(s))
	return root
}
