package main

import (
	"errors"
	"fmt"
	"io"
	"log/slog"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
)

func newVerify(s streams) *cobra.Command {
	cmd := &cobra.Command{
		Use: "verify", Short: "Replay the journals and compare every table with them", Args: cobra.NoArgs,
		Long: "verify replays each instance's journal, checks its hash chain and double entry, and compares\n" +
			"every row of every table with what the journal says. It needs no running supervisor;\n" +
			"an instance that runs must be drained first.\n\n" +
			"Exit codes: 0 nothing differs, 1 something differs, 2 something could not be verified.",
		Example: "  custodian verify --config configs/local.yaml --instance custodian-sim-001",
	}
	src := addSource(cmd, s)
	format := addOutput(cmd)
	names := cmd.Flags().StringArrayP("instance", "i", nil, "verify only this instance; may be repeated")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := src.load()
		if err != nil {
			return err
		}
		list, err := supervisor.Verify(cmd.Context(), cfg, *names, slog.New(slog.DiscardHandler))
		if err != nil {
			return badInput(err)
		}
		if *format == "json" {
			err = printJSON(s.out, map[string]any{"instances": list})
		} else {
			err = printVerifications(s.out, list)
		}
		return errors.Join(err, verdict(list))
	}
	return cmd
}

// verdict turns what was found into the exit code.
func verdict(list []supervisor.Verification) error {
	code := 0
	for _, v := range list {
		switch {
		case v.Missing:
		case v.Report == nil:
			code = exitUsage
		case !v.Report.OK() && code == 0:
			code = exitFailed
		}
	}
	if code == 0 {
		return nil
	}
	return silent(code)
}

func printVerifications(w io.Writer, list []supervisor.Verification) error {
	t := newTable(w, "INSTANCE", "RESULT", "BATCHES", "EVENTS", "ACCOUNTS", "HOLDINGS", "SETTLEMENTS", "ENTRIES", "STATE DIGEST")
	for _, v := range list {
		r := v.Report
		if r == nil {
			t.row(v.Instance, v.Problem)
			continue
		}
		result := "ok"
		if !r.OK() {
			result = fmt.Sprintf("%d differences", len(r.Differences))
			if r.Truncated {
				result = "more than " + result
			}
		}
		t.row(v.Instance, result, r.Batches, r.Events, r.Accounts, r.Holdings, r.Settlements, r.Entries, short(r.State))
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, v := range list {
		if v.Report == nil {
			continue
		}
		for _, d := range v.Report.Differences {
			if _, err := fmt.Fprintf(w, "%s: %s %s: %s\n", v.Instance, d.Table, d.Key, d.Problem); err != nil {
				return err
			}
		}
	}
	return nil
}

func short(digest string) string {
	if len(digest) > 16 {
		return digest[:16]
	}
	return digest
}
