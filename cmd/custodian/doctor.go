package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func (a *app) doctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "doctor", Short: "Look at what a configuration needs of its environment, and say what to do", Args: exactly(),
		Long: `Look at what a supervisor with this configuration needs of its environment: ports
that are free, a directory to write to and room on its disk, open files,
certificates that last, PostgreSQL with its rights, settings and clock, the schemas
and files of the books, and Redis with its rights and clock.
Whatever is not as it should be comes with what to do about it.

Nothing is started. A file, and a key in Redis that expires within seconds, is made
and taken away again. Beside a supervisor that runs its ports are in use. The exit
code is 0 if everything would start, and 1 if not.`,
		Example: "  custodian doctor --config configs/postgres.yaml",
	}
	_, load := a.sources(cmd)
	output := addFormat(cmd)
	cmd.RunE = interruptible(func(cmd *cobra.Command, _ []string) error {
		cfg, err := load()
		if err != nil {
			return err
		}
		findings, err := a.diagnose(cmd.Context(), cfg)
		if err != nil {
			return err
		}
		if output.json() {
			err = printJSON(a.out, map[string]any{"findings": findings})
		} else {
			err = a.printFindings(findings)
		}
		if err != nil {
			return err
		}
		for _, f := range findings {
			if f.Severity == supervisor.SeverityError {
				return &failure{code: codeFailed}
			}
		}
		return nil
	})
	return cmd
}

// diagnose shows that it goes on, meanwhile: a server that is silent is waited for.
// What an interrupt kept from being looked at is no finding.
func (a *app) diagnose(ctx context.Context, cfg config.Config) ([]supervisor.Finding, error) {
	defer a.screen.Show(func() terminal.Progress { return terminal.Progress{What: "looking at the environment"} })()
	findings := supervisor.Diagnose(ctx, cfg)
	return findings, ctx.Err()
}

func (a *app) printFindings(findings []supervisor.Finding) error {
	for _, f := range findings {
		paint := a.colours.Green
		switch f.Severity {
		case supervisor.SeverityError:
			paint = a.colours.Red
		case supervisor.SeverityWarning:
			paint = a.colours.Yellow
		}
		if _, err := fmt.Fprintf(a.out, "%s  %s: %s\n", paint(fmt.Sprintf("%-7s", f.Severity)), oneLine(f.Subject), oneLine(f.Detail)); err != nil {
			return err
		}
		if f.Advice == "" {
			continue
		}
		if _, err := fmt.Fprintf(a.out, "         → %s\n", f.Advice); err != nil {
			return err
		}
	}
	return nil
}
