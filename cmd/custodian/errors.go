package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Exit codes.
const (
	codeOK     = 0
	codeFailed = 1 // refused or failed
	codeInput  = 2 // usage, bad input, or a start that cannot be made
	codeCutOff = 3 // a shutdown's grace period ended before all was finished
	codeForced = 4 // a second signal cut a shutdown short
)

// failure is an error with its exit code. A nil err says nothing more: what is
// wrong has been printed already.
type failure struct {
	code int
	err  error
	// hint is the command whose help is of use, "" for none.
	hint string
}

// Error returns the message.
func (f *failure) Error() string {
	if f.err == nil {
		return ""
	}
	return f.err.Error()
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

func usageError(cmd *cobra.Command, err error) error {
	return &failure{code: codeInput, err: err, hint: cmd.CommandPath()}
}

// inputError marks an error as one of what was asked for.
func inputError(err error) error { return &failure{code: codeInput, err: err} }

// exitCode returns the code for an error of a command.
func exitCode(err error) int {
	if err == nil {
		return codeOK
	}
	if f, ok := errors.AsType[*failure](err); ok {
		return f.code
	}
	if errors.Is(err, errForced) {
		return codeForced
	}
	if _, ok := errors.AsType[*supervisor.CutOffError](err); ok {
		return codeCutOff
	}
	if _, ok := errors.AsType[*config.Problems](err); ok {
		return codeInput
	}
	if e, ok := errors.AsType[*client.Error](err); ok && e.BadInput() {
		return codeInput
	}
	return codeFailed
}

// report prints an error and returns the exit code.
func (a *app) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return codeOK
	}
	for _, line := range explain(err) {
		_, _ = fmt.Fprintln(a.err, line) // there is nobody else to tell
	}
	if advice := adviceOn(err); advice != "" {
		_, _ = fmt.Fprintln(a.err, "try:", advice)
	}
	if f, ok := errors.AsType[*failure](err); ok && f.hint != "" && cmd != nil {
		_, _ = fmt.Fprintf(a.err, "see: %s --help\n", f.hint)
	}
	return exitCode(err)
}

// explain words an error in lines: one for most, one per mistake for
// configurations and entries.
func explain(err error) []string {
	if f, ok := errors.AsType[*failure](err); ok && f.err == nil {
		return nil
	}
	if p, ok := errors.AsType[*config.Problems](err); ok {
		return strings.Split(p.Error(), "\n")
	}
	if errors.Is(err, context.Canceled) {
		return []string{"custodian: interrupted"}
	}
	lines := []string{"custodian: " + oneLine(err.Error())}
	e, ok := errors.AsType[*client.Error](err)
	if !ok || len(e.Problems)+e.Omitted < 2 {
		return lines
	}
	for _, mistake := range e.Problems {
		lines = append(lines, "  "+oneLine(mistake.String()))
	}
	if e.Omitted > 0 {
		lines = append(lines, fmt.Sprintf("  and %d more", e.Omitted))
	}
	return lines
}

// oneLine puts joined errors, and text of others that may hold anything, into
// one line.
func oneLine(text string) string {
	text = strings.ReplaceAll(strings.TrimSpace(text), "\n", "; ")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, text)
}
