package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"sync/atomic"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (a *app) verifyCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Replay journals and compare every table with them", Args: exactly(),
		Long: `Replay the journals of instances, check hash chains and double entry, and compare
every row of every table with what the journal says. No supervisor is needed;
an instance that runs must be drained first. Instances that were added by the
admin API are verified too. The exit code is 0 if nothing differs, 1 if something
does, and 2 if books could not be verified.`,
		Example: "  custodian verify --config configs/local.yaml --instance custodian-sim-001",
	}
	_, load := a.sources(cmd)
	names := cmd.Flags().StringArrayP("instance", "i", nil, "instance to verify; repeatable (none: all)")
	_ = cmd.RegisterFlagCompletionFunc("instance", configured(load)) // the option is there
	output := addFormat(cmd)
	cmd.RunE = interruptible(func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		list, err := a.verify(cmd.Context(), cfg, *names)
		if refusal, ok := errors.AsType[*supervisor.Error](err); ok && refusal.Kind == supervisor.KindNotFound {
			return advise(inputError(err), "custodian validate with the same --config lists those of the configuration")
		}
		if err != nil {
			return inputError(err)
		}
		if output.json() {
			err = printJSON(a.out, map[string]any{"instances": list})
		} else {
			err = printVerifications(a.out, list)
		}
		if err != nil {
			return err
		}
		return verdict(list)
	})
	return cmd
}

// verify shows how far it is, meanwhile.
func (a *app) verify(ctx context.Context, cfg config.Config, names []string) ([]supervisor.Verification, error) {
	var now atomic.Pointer[supervisor.Verifying]
	now.Store(&supervisor.Verifying{})
	defer a.screen.Show(func() terminal.Progress { return verifying(*now.Load()) })()
	return supervisor.Verify(ctx, cfg, names, slog.New(slog.DiscardHandler), func(v supervisor.Verifying) { now.Store(&v) })
}

// verifying words how far a verification is. No time is estimated: the journal is
// replayed first, and how long its rows take then is another matter.
func verifying(v supervisor.Verifying) terminal.Progress {
	if v.Total == 1 {
		return terminal.Progress{
			What: "verifying " + v.Instance + ", " + v.Books.Doing, Done: v.Books.Done, Total: v.Books.Total, Unit: v.Books.Unit, Uneven: true,
		}
	}
	p := terminal.Progress{What: "verifying", Done: uint64(v.Done), Total: uint64(v.Total), Unit: "instances", Uneven: true}
	if v.Instance == "" {
		return p
	}
	p.Detail = v.Instance + ", " + v.Books.Doing
	if v.Books.Total > 0 {
		p.Detail += fmt.Sprintf(": %d of %d %s", v.Books.Done, v.Books.Total, v.Books.Unit)
	}
	return p
}

// verdict turns results into an exit code. A difference that was found outweighs
// books that could not be looked at; those that never were are no trouble.
func verdict(list []supervisor.Verification) error {
	code := codeOK
	for _, v := range list {
		switch {
		case v.Missing:
		case v.Report == nil:
			code = codeInput
		case !v.Report.OK():
			return &failure{code: codeFailed}
		}
	}
	if code != codeOK {
		return &failure{code: code}
	}
	return nil
}

func printVerifications(w io.Writer, list []supervisor.Verification) error {
	var t table
	t.row("INSTANCE", "RESULT", "STORAGE", "BATCHES", "EVENTS", "ACCOUNTS", "HOLDINGS", "SETTLEMENTS", "TRANSFERS", "DOCUMENTS", "ENTRIES", "STATE DIGEST")
	for _, v := range list {
		r := v.Report
		if r == nil {
			t.row(v.Instance, result(v), v.Storage, dash(""), dash(""), dash(""), dash(""), dash(""), dash(""), dash(""))
			continue
		}
		t.row(v.Instance, result(v), v.Storage, strconv.Itoa(r.Batches), strconv.FormatUint(r.Events, 10),
			strconv.Itoa(r.Accounts), strconv.Itoa(r.Holdings), strconv.Itoa(r.Settlements),
			strconv.Itoa(r.Transfers), strconv.Itoa(r.Documents), strconv.Itoa(r.Entries),
			dash(r.State[:min(16, len(r.State))]))
	}
	if err := t.print(w); err != nil {
		return err
	}
	for _, v := range list {
		for _, line := range details(v) {
			if _, err := fmt.Fprintf(w, "%s: %s\n", v.Instance, oneLine(line)); err != nil {
				return err
			}
		}
	}
	return nil
}

func result(v supervisor.Verification) string {
	switch {
	case v.Missing:
		return "no books"
	case v.Report == nil:
		return "not verified"
	case v.Report.OK():
		return "ok"
	case v.Report.Truncated:
		return "over " + count(len(v.Report.Differences), "difference")
	}
	return count(len(v.Report.Differences), "difference")
}

// details are what the table has no room for: why there is no result, or what
// differs.
func details(v supervisor.Verification) []string {
	if v.Report == nil {
		return []string{v.Problem}
	}
	var lines []string
	for _, d := range v.Report.Differences {
		lines = append(lines, d.Table+" "+d.Key+": "+d.Problem)
	}
	return lines
}
