package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/spf13/cobra"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overgrpc"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overhttp"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/inprocess"
)

// The faces that scripts are played over.
const (
	overHTTP = "http"
	overGRPC = "grpc"
)

func (a *app) scenarioCommand() *cobra.Command {
	cmd := group("scenario", "Run scripts against fresh custodians in manual time, or check them")
	cmd.Long = `Run scripts against fresh custodians in manual time, or check them. No supervisor is
needed: each script gets a custodian of its own within this process, with books
in memory, so that hours of settlement take milliseconds and every run is the
same. Arguments are files, directories (of which every .yaml and .yml counts,
however deep) and patterns such as 'scenarios/*.yaml'.`
	cmd.AddCommand(a.runScenariosCommand(), a.validateScenariosCommand())
	return cmd
}

func (a *app) runScenariosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "run FILE…", Short: "Run scripts and say which of them hold", Args: atLeastOne("FILE"),
		Long: `Run scripts and say which of them hold. The exit code is 0 if all do, 1 if one does
not, and 2 if a script cannot be read or its custodian cannot be started.`,
		Example: "  custodian scenario run testdata/scenarios\n  custodian scenario run dvp.yaml --output junit >report.xml",
	}
	output := scenarioFormat(formatText)
	cmd.Flags().VarP(&output, "output", "o", "text, for people, json, for programs, or junit, for CI systems")
	_ = cmd.RegisterFlagCompletionFunc("output", cobra.FixedCompletions(scenarioFormats, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	over := cmd.Flags().String("over", overHTTP, "face to play them over: http or grpc")
	_ = cmd.RegisterFlagCompletionFunc("over", cobra.FixedCompletions([]string{overHTTP, overGRPC}, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	cmd.RunE = interruptible(func(cmd *cobra.Command, args []string) error {
		if *over != overHTTP && *over != overGRPC {
			return usageError(cmd, fmt.Errorf("--over: must be %s or %s", overHTTP, overGRPC))
		}
		files, err := scenarioFiles(args)
		if err != nil {
			return inputError(err)
		}
		report := newScenarioReport(output, a.out, a.colours)
		var done atomic.Uint64
		shown := a.screen.Show(func() terminal.Progress {
			return terminal.Progress{What: "running scripts", Done: done.Load(), Total: uint64(len(files)), Unit: "scripts", Uneven: true}
		})
		playAll(cmd.Context(), files, *over, func(p played) {
			if cmd.Context().Err() == nil { // nothing is said of those that were cut short
				report.add(p)
			}
			done.Add(1)
		})
		shown()
		if err := cmd.Context().Err(); err != nil {
			return err
		}
		if err := report.end(); err != nil {
			return err
		}
		return report.verdict()
	})
	return cmd
}

func (a *app) validateScenariosCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "validate FILE…", Short: "Check scripts without running them", Args: atLeastOne("FILE"),
		Long: `Check scripts, and the entries of their custodians, without running them. The exit
code is 2 if one of them is not right.`,
	}
	cmd.RunE = func(_ *cobra.Command, args []string) error {
		files, err := scenarioFiles(args)
		if err != nil {
			return inputError(err)
		}
		wrong := false
		for _, file := range files {
			if _, _, err := readScenario(file); err != nil {
				wrong = true
				for line := range strings.Lines(err.Error()) {
					_, _ = fmt.Fprintf(a.err, "%s: %s\n", file, strings.TrimSpace(line)) // there is nobody else to tell
				}
			}
		}
		if wrong {
			return &failure{code: codeInput}
		}
		_, err = fmt.Fprintf(a.out, "ok: %s\n", count(len(files), "script"))
		return err
	}
	return cmd
}

// scenarioFiles are the files that arguments stand for, each once, in the order of
// the arguments.
func scenarioFiles(args []string) ([]string, error) {
	var files []string
	add := func(file string) {
		if !slices.Contains(files, file) {
			files = append(files, file)
		}
	}
	for _, arg := range args {
		info, err := os.Stat(arg)
		switch {
		case err == nil && info.IsDir():
			found := 0
			err := filepath.WalkDir(arg, func(path string, d fs.DirEntry, err error) error {
				if ext := filepath.Ext(path); err == nil && !d.IsDir() && (ext == ".yaml" || ext == ".yml") {
					found++
					add(path)
				}
				return err
			})
			if err == nil && found == 0 {
				err = fmt.Errorf("there are no .yaml files in %s", arg)
			}
			if err != nil {
				return nil, err
			}
		case err == nil:
			add(arg)
		default:
			matches, globErr := filepath.Glob(arg)
			if globErr != nil || len(matches) == 0 {
				return nil, fmt.Errorf("%s: %w", arg, reasonOf(err))
			}
			for _, match := range matches {
				add(match)
			}
		}
	}
	return files, nil
}

// readScenario reads a script and the entry of its custodian, as JSON.
func readScenario(file string) (*scenario.Scenario, []byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, nil, reasonOf(err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, scenario.MaxBytes+1))
	if err != nil {
		return nil, nil, reasonOf(err)
	}
	s, err := scenario.Parse(data)
	if err != nil {
		return nil, nil, err
	}
	entry, err := json.Marshal(s.Custodian)
	if err != nil {
		return nil, nil, err
	}
	parsed, err := inprocess.Parse(entry)
	if err != nil {
		var lines []string
		for line := range strings.Lines(err.Error()) {
			lines = append(lines, "custodian: "+strings.TrimSpace(line))
		}
		return nil, nil, errors.New(strings.Join(lines, "\n"))
	}
	if parsed.Clock.Mode != "manual" {
		return nil, nil, fmt.Errorf("custodian: clock.mode: scripts run in manual time, not %s", parsed.Clock.Mode)
	}
	return s, entry, nil
}

// played is what came of one script.
type played struct {
	file   string
	result *scenario.Result
	took   time.Duration
	// err says why the script could not be played at all.
	err error
}

// playAll plays scripts, some at a time, and hands over the results in their order.
func playAll(ctx context.Context, files []string, over string, done func(played)) {
	results := make([]chan played, len(files))
	room := make(chan struct{}, max(2, runtime.GOMAXPROCS(0)))
	for i := range files {
		results[i] = make(chan played, 1)
	}
	go func() {
		for i, file := range files {
			room <- struct{}{}
			go func() {
				defer func() { <-room }()
				results[i] <- playOne(ctx, file, over)
			}()
		}
	}()
	for _, result := range results {
		done(<-result)
	}
}

// closing bounds the end of a custodian that does not end by itself.
const closing = 10 * time.Second

func playOne(ctx context.Context, file, over string) played {
	start := time.Now()
	p := played{file: file}
	s, entry, err := readScenario(file)
	if err == nil {
		p.result, err = playScenario(ctx, s, entry, over)
	}
	p.took, p.err = time.Since(start), err
	return p
}

func playScenario(ctx context.Context, s *scenario.Scenario, entry []byte, over string) (_ *scenario.Result, err error) {
	parsed, err := inprocess.Parse(entry)
	if err != nil {
		return nil, err
	}
	c, err := inprocess.Start(ctx, parsed, nil)
	if err != nil {
		return nil, err
	}
	defer func() {
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
		defer cancel()
		err = errors.Join(err, c.Close(end))
	}()
	if over == overHTTP {
		return scenario.Run(ctx, s, overhttp.Handler{Handler: c.Handler()})
	}
	conn, err := c.Dial()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	return scenario.Run(ctx, s, &overgrpc.Client{Conn: conn})
}
