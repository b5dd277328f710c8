package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

const (
	// crowdSize is how many instances a crowd has.
	crowdSize = 1000
	// settleDown is how long they are left alone before they are measured: idle
	// connections and handles are closed by then, and memory of the start has gone
	// back to the system, which takes several looks 20 seconds apart.
	settleDown = 100 * time.Second
	// Their ports begin here, below those that the system gives to who connects.
	crowdHTTP, crowdGRPC = 10000, 12000
)

// crowd measures a thousand instances: memory while they do nothing, a scrape once
// each has settled something, their drain, and the start on what there is.
func crowd(ctx context.Context, b *bench) error {
	var failed error
	for _, driver := range []string{"memory", "sqlite", "postgres"} {
		if len(b.storages) > 0 && !slices.Contains(b.storages, driver) {
			continue
		}
		if err := b.crowdOn(ctx, driver); err != nil {
			failed = errors.Join(failed, fmt.Errorf("%s: %w", driver, err))
		}
	}
	return failed
}

func (b *bench) crowdOn(ctx context.Context, driver string) error {
	dir, err := os.MkdirTemp("", "custodian-bench-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }() // of our own
	storage := "storage: {driver: " + driver + "}\n"
	if driver == "postgres" {
		pg, err := servers.StartPostgres(ctx, servers.Options{})
		if err != nil {
			return err
		}
		defer func() { _ = pg.Close() }() // private and thrown away
		storage = fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\n", pg.URL)
	}
	empty, err := b.start(ctx, storage)
	if err != nil {
		return err
	}
	bare, err := empty.resident()
	empty.stop()
	if err != nil {
		return err
	}
	config := storage + "instances:\n" + strings.Join(crowdEntries(crowdSize, 0), "")
	p, first, err := b.startIn(ctx, dir, config)
	if err != nil {
		return err
	}
	defer func() { p.end() }()
	if err := pause(ctx, settleDown); err != nil {
		return err
	}
	full, err := p.resident()
	if err != nil {
		return err
	}
	b.add(fmt.Sprintf("start with %d new instances, %s", crowdSize, driver), "s", []float64{first.Seconds()}, "", 0, "")
	b.add(fmt.Sprintf("resident memory per idle instance, of %d, %s", crowdSize, driver), "kB", []float64{(full - bare) / crowdSize / 1000}, "", 0,
		fmt.Sprintf("process without instances %.1f MB", bare/1e6))
	if driver == "memory" {
		if err := b.scrapeCrowd(ctx, p); err != nil {
			return err
		}
	}
	var drains, starts []float64
	for round := range b.rounds {
		b.at("%s, ends and starts, round %d of %d", driver, round+1, b.rounds)
		begin := time.Now()
		p.end()
		drains = append(drains, time.Since(begin).Seconds())
		var took time.Duration
		if p, took, err = b.startIn(ctx, dir, config); err != nil {
			return err
		}
		starts = append(starts, took.Seconds())
	}
	b.add(fmt.Sprintf("drain of %d idle instances and end of the process, %s", crowdSize, driver), "s", drains, "", 0, "")
	b.add(fmt.Sprintf("start with %d existing instances until all serve, %s", crowdSize, driver), "s", starts, "", 0, "")
	return nil
}

// crowdEntries is the configuration of as many instances, behind those of others.
func crowdEntries(size, behind int) []string {
	entries := make([]string, size)
	for n := range entries {
		entries[n] = fmt.Sprintf("  - {name: crowd-%d, http_port: %d, grpc_port: %d}\n", n, crowdHTTP+behind+n, crowdGRPC+behind+n)
	}
	return entries
}

// scrapeCrowd measures scrapes next to those of a registry with the same series.
func (b *bench) scrapeCrowd(ctx context.Context, p *process) error {
	group, grouped := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for n := range crowdSize {
		group.Go(func() error {
			call, closeCall, err := httpDeposits(fmt.Sprintf("127.0.0.1:%d", crowdHTTP+n), "active")(grouped)
			if err != nil {
				return err
			}
			defer closeCall()
			return call(grouped, 1)
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	file := filepath.Join(p.dir, "metrics")
	if err := fetch(ctx, p.admin+"/metrics", file); err != nil {
		return err
	}
	reference, stop, err := startSelf(ctx, "-registry", file)
	if err != nil {
		return err
	}
	defer stop()
	var ours, theirs []float64
	var size, referenceSize int64
	for range b.rounds * 3 {
		ms, err := timed(func() (err error) {
			_, referenceSize, err = get(ctx, "http://"+reference+"/metrics")
			return err
		})
		if err != nil {
			return err
		}
		theirs = append(theirs, ms)
		if ms, err = timed(func() (err error) {
			_, size, err = get(ctx, p.admin+"/metrics")
			return err
		}); err != nil {
			return err
		}
		ours = append(ours, ms)
	}
	base := b.add(fmt.Sprintf("scrape of a bare registry with the series of %d active instances", crowdSize), "ms", theirs, "", 0, fmt.Sprintf("%.1f MB", float64(referenceSize)/1e6))
	b.add(fmt.Sprintf("scrape of %d active instances", crowdSize), "ms", ours, "bare registry", base, fmt.Sprintf("%.1f MB", float64(size)/1e6))
	return nil
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// fetch saves what is at a URL.
func fetch(ctx context.Context, url, file string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s: %.500s", url, resp.Status, data)
	}
	return os.WriteFile(file, data, 0o644) //nolint:gosec // neither metrics nor profiles are a secret
}

// startSelf starts a process of this program that serves, and returns the address
// that it prints.
func startSelf(ctx context.Context, arguments ...string) (address string, stop func(), err error) {
	self, err := os.Executable()
	if err != nil {
		return "", nil, err
	}
	cmd := exec.CommandContext(ctx, self, arguments...) //nolint:gosec // ourselves
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	stop = func() {
		_ = cmd.Process.Signal(syscall.SIGKILL) // it holds nothing
		_ = cmd.Wait()
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		stop()
		return "", nil, fmt.Errorf("%v: %w", arguments, err)
	}
	return strings.TrimSpace(line), stop, nil
}

// serve serves on a free port, whose address it prints, until ctx ends.
func serve(ctx context.Context, handler http.Handler) error {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println(listener.Addr())
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	return server.Serve(listener)
}

// serveRegistry serves a registry of the library's own metrics, with the series and
// values that a scrape has.
func serveRegistry(ctx context.Context, file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(bytes.NewReader(data))
	if err != nil {
		return err
	}
	registry := prometheus.NewRegistry()
	for name, family := range families {
		collector, err := sameSeries(name, family)
		if err != nil {
			return err
		}
		if err := registry.Register(collector); err != nil {
			return err
		}
	}
	return serve(ctx, promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
}

// sameSeries returns a vector with the series of a family.
func sameSeries(name string, family *dto.MetricFamily) (prometheus.Collector, error) {
	labels := map[string]bool{}
	for _, m := range family.GetMetric() {
		for _, l := range m.GetLabel() {
			labels[l.GetName()] = true
		}
	}
	names := make([]string, 0, len(labels))
	for l := range labels {
		names = append(names, l)
	}
	valuesOf := func(m *dto.Metric) prometheus.Labels {
		values := prometheus.Labels{}
		for _, l := range names {
			values[l] = ""
		}
		for _, l := range m.GetLabel() {
			values[l.GetName()] = l.GetValue()
		}
		return values
	}
	switch family.GetType() { //nolint:exhaustive // what else there is comes out as gauges
	case dto.MetricType_COUNTER:
		vec := prometheus.NewCounterVec(prometheus.CounterOpts{Name: name, Help: family.GetHelp()}, names)
		for _, m := range family.GetMetric() {
			vec.With(valuesOf(m)).Add(m.GetCounter().GetValue())
		}
		return vec, nil
	case dto.MetricType_HISTOGRAM:
		var buckets []float64
		for _, bucket := range family.GetMetric()[0].GetHistogram().GetBucket() {
			if b := bucket.GetUpperBound(); b < 1e300 {
				buckets = append(buckets, b)
			}
		}
		vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: name, Help: family.GetHelp(), Buckets: buckets}, names)
		for _, m := range family.GetMetric() {
			h := m.GetHistogram()
			for range h.GetSampleCount() {
				vec.With(valuesOf(m)).Observe(h.GetSampleSum() / float64(h.GetSampleCount()))
			}
		}
		return vec, nil
	case dto.MetricType_GAUGE, dto.MetricType_UNTYPED:
		vec := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: family.GetHelp()}, names)
		for _, m := range family.GetMetric() {
			vec.With(valuesOf(m)).Set(m.GetGauge().GetValue() + m.GetUntyped().GetValue())
		}
		return vec, nil
	default: // summaries, of the runtime alone
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: name, Help: family.GetHelp()}, names), nil
	}
}
