// Command bench measures the custodian supervisor against references that are
// taken in the same run on the same machine, and prints both sides and their
// ratio.
//
// It starts a private PostgreSQL that syncs every commit to disk and a private
// Redis, runs the built binary beside them and loads it from this process. All
// of them share the machine's processors, so only ratios mean much. Runs of a
// reference and of what it is compared with alternate; figures are medians,
// with the smallest and largest in brackets.
//
//	bench -binary bin/custodian [-row settle,add,idle,neighbour] [-rounds 3] [-seconds 5] [-sustained 60] [-history 1000000] [-storage memory,sqlite,postgres] [-neighbours writers,…] [-json FILE]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs/terminal"
)

// options are the command line.
type options struct {
	binary  string
	rows    string
	rounds  int
	seconds int
	json    string
	// connections are the numbers of them that settle measures.
	connections []int
	// sustained is how many seconds a run of sustained takes, and history how many
	// settlements growth has the long history hold.
	sustained, history int
	profiles           string
	plot               string
	// storages and noises are those that growth, crowd and neighbour measure; all if empty.
	storages, noises []string
}

// row is one group of measurements.
type row struct {
	name string
	run  func(ctx context.Context, b *bench) error
}

var rows = []row{
	{"settle", settle},
	{"sustained", sustained},
	{"spread", spreadOut},
	{"bulk", bulk},
	{"reads", reads},
	{"add", addInstances},
	{"idle", idle},
	{"crowd", crowd},
	{"growth", growth},
	{"neighbour", neighbour},
}

// result is one line of the table.
type result struct {
	Name   string  `json:"name"`
	Unit   string  `json:"unit"`
	Median float64 `json:"median"`
	Least  float64 `json:"least"`
	Most   float64 `json:"most"`
	// Reference names what Ratio compares with; empty for none.
	Reference string  `json:"reference,omitempty"`
	Ratio     float64 `json:"ratio,omitempty"`
	Note      string  `json:"note,omitempty"`
	// Line and X place the figure in a picture, see plot; empty for in none. P99 is
	// the latency in milliseconds that belongs to it.
	Line string  `json:"line,omitempty"`
	X    float64 `json:"x,omitempty"`
	P99  float64 `json:"p99_ms,omitempty"`
}

// bench collects results.
type bench struct {
	options
	results []result
	doing   atomic.Value // text, for who looks on
}

// at says what is being measured, to who looks on.
func (b *bench) at(format string, args ...any) { b.doing.Store(fmt.Sprintf(format, args...)) }

// show shows, until the returned function is called, what is being measured.
func (b *bench) show(screen *terminal.Screen, row string) (end func()) {
	b.at("preparing")
	return screen.Show(func() terminal.Progress {
		return terminal.Progress{What: "measuring " + row, Detail: b.doing.Load().(string)}
	})
}

func main() {
	var o options
	flag.StringVar(&o.binary, "binary", "bin/custodian", "the program to measure")
	flag.StringVar(&o.rows, "row", "", "rows to measure, comma separated; all if empty: "+rowNames)
	flag.IntVar(&o.rounds, "rounds", 3, "how often each figure is taken")
	flag.IntVar(&o.seconds, "seconds", 5, "length of one load run")
	flag.StringVar(&o.json, "json", "", "also write the results to this file")
	flag.StringVar(&o.profiles, "profiles", "", "measure nothing, but leave profiles of the program under the load of settle in this directory")
	flag.StringVar(&o.plot, "plot", "", "measure nothing, but draw the results in the file that -json names into this directory")
	connections := flag.String("connections", "1,4,16,64,256", "numbers of connections that settle measures, comma separated")
	flag.IntVar(&o.sustained, "sustained", 60, "length of one load run of sustained, in seconds")
	flag.IntVar(&o.history, "history", 1_000_000, "settlements in the long history of growth; up to 10000000")
	storages := flag.String("storage", "", "storages that growth, crowd and neighbour measure, comma separated; all if empty")
	noisy := flag.String("neighbours", "", "kinds of noise that neighbour measures, comma separated; all if empty")
	// What a process that makes noise is told; it is started by neighbour.
	kind := flag.String("noise", "", "make noise of this kind, until it is stopped, and measure nothing")
	var at target
	flag.StringVar(&at.http, "noise-http", "", "HTTP address of the instance to abuse")
	flag.StringVar(&at.grpc, "noise-grpc", "", "its gRPC address")
	flag.StringVar(&at.run, "noise-run", "", "what the ids of this run begin with")
	registry := flag.String("registry", "", "serve a registry with the series of this file until stopped, and measure nothing")
	bare := flag.String("bare", "", "serve this answer, in base64, until stopped, and measure nothing")
	flag.Parse()
	o.storages, o.noises = list(*storages), list(*noisy)
	for _, text := range list(*connections) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 400 {
			fmt.Fprintf(os.Stderr, "bench: -connections: %q must be a number from 1 to 400\n", text)
			os.Exit(2)
		}
		o.connections = append(o.connections, n)
	}
	if o.history < shortHistory || o.history > 10_000_000 {
		fmt.Fprintf(os.Stderr, "bench: -history: %d must be a number from %d to 10000000\n", o.history, shortHistory)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	do := func() error { return run(ctx, o) }
	if *bare != "" {
		do = func() error { return serveBare(ctx, *bare) }
	}
	if *registry != "" {
		do = func() error { return serveRegistry(ctx, *registry) }
	}
	if *kind != "" {
		do = func() error { return makeNoise(ctx, *kind, at) }
	}
	if err := do(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop has been called
	}
}

// rowNames lists the rows.
var rowNames = func() string {
	names := make([]string, len(rows))
	for i, r := range rows {
		names[i] = r.name
	}
	return strings.Join(names, ", ")
}()

// list splits what is given with commas between.
func list(text string) []string {
	return strings.FieldsFunc(text, func(r rune) bool { return r == ',' })
}

func run(ctx context.Context, o options) error {
	if o.plot != "" {
		return plot(o.json, o.plot)
	}
	b := &bench{options: o}
	wanted := list(o.rows)
	for _, kind := range o.noises {
		if _, known := noises[kind]; !known {
			return fmt.Errorf("-neighbours: %q is not known; allowed: %s", kind, strings.Join(noiseKinds(nil), ", "))
		}
	}
	for _, name := range wanted {
		if !slices.ContainsFunc(rows, func(r row) bool { return r.name == name }) {
			return fmt.Errorf("-row: %q is not known; allowed: %s", name, rowNames)
		}
	}
	if o.profiles != "" {
		return profile(ctx, b)
	}
	var failed error
	screen := terminal.NewScreen(os.Stderr, os.Getenv)
	for _, r := range rows {
		if len(wanted) > 0 && !slices.Contains(wanted, r.name) {
			continue
		}
		fmt.Fprintf(os.Stderr, "measuring %s…\n", r.name)
		end := b.show(screen, r.name)
		err := r.run(ctx, b)
		end()
		if err != nil { // the others are worth having all the same
			failed = errors.Join(failed, fmt.Errorf("%s: %w", r.name, err))
		}
		if ctx.Err() != nil {
			break
		}
	}
	b.print()
	return errors.Join(failed, b.write())
}

// add records the samples of one figure and returns their median.
func (b *bench) add(name, unit string, samples []float64, reference string, against float64, note string) float64 {
	if len(samples) == 0 {
		return 0
	}
	slices.Sort(samples)
	r := result{
		Name: name, Unit: unit, Median: median(samples), Least: samples[0], Most: samples[len(samples)-1],
		Reference: reference, Note: note,
	}
	if against > 0 {
		r.Ratio = r.Median / against
	}
	b.results = append(b.results, r)
	return r.Median
}

// draw has the last figure in a picture.
func (b *bench) draw(line string, x int, p99 float64) {
	last := &b.results[len(b.results)-1]
	last.Line, last.X, last.P99 = line, float64(x), p99
}

func (b *bench) print() {
	fmt.Printf("\n%-58s %12s  %-23s %8s  %s\n", "figure", "median", "[least … most]", "ratio", "against, note")
	for _, r := range b.results {
		ratio := ""
		if r.Ratio > 0 {
			ratio = fmt.Sprintf("%.2f×", r.Ratio)
		}
		spread := fmt.Sprintf("[%.4g … %.4g]", r.Least, r.Most)
		remark := strings.TrimSpace(r.Reference + "  " + r.Note)
		fmt.Printf("%-58s %12s  %-23s %8s  %s\n", r.Name, fmt.Sprintf("%.5g %s", r.Median, r.Unit), spread, ratio, remark)
	}
}

func (b *bench) write() error {
	if b.json == "" {
		return nil
	}
	doc := struct {
		Time    time.Time `json:"time"`
		Go      string    `json:"go"`
		CPUs    int       `json:"cpus"`
		Rounds  int       `json:"rounds"`
		Seconds int       `json:"seconds"`
		Results []result  `json:"results"`
	}{time.Now().UTC(), runtime.Version(), runtime.NumCPU(), b.rounds, b.seconds, b.results}
	data, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(b.json, append(data, '\n'), 0o644) //nolint:gosec // figures are no secret
}

var errNotReady = errors.New("the supervisor did not become ready")
