package main

import (
	"context"
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
	output := addFormat(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		list, err := a.verify(cmd.Context(), cfg, *names)
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
	}
	return cmd
}

// verify shows how far it is, meanwhile.
func (a *app) verify(ctx context.Context, cfg config.Config, names []string) ([]supervisor.Verification, error) {
	var now atomic.Pointer[terminal.Progress]
	now.Store(&terminal.Progress{What: "verifying"})
	defer a.screen.Show(func() terminal.Progress { return *now.Load() })()
	return supervisor.Verify(ctx, cfg, names, slog.New(slog.DiscardHandler), func(done, total int, next string) {
		now.Store(&terminal.Progress{
			What: "verifying", Done: uint64(done), Total: uint64(total), Unit: "instances", Uneven: true, Detail: next,
		})
	})
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
