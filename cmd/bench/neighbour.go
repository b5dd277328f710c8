package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// The quiet instance's load: a few connections, each with a request now and
// then, every other one a settlement and every other one a read.
const (
	quietConnections = 4
	quietPause       = 20 * time.Millisecond
)

// noiseReady is what a noise process prints once all of its noise is there.
const noiseReady = "ready"

// neighbour measures what an instance under abuse does to a quiet one in the
// same process: the quiet one's p99 under each kind of noise, as a multiple of
// its p99 alone, which is measured right before.
//
// The noise comes from a process of its own which runs only where the processors
// would idle: it stands for other machines, and is not to take them from the program.
func neighbour(ctx context.Context, b *bench) error {
	storages := []struct{ driver, config string }{
		{"memory", "storage: {driver: memory}\n"},
		{"sqlite", "storage: {driver: sqlite}\n"},
		{"postgres", ""},
	}
	for _, storage := range storages {
		if len(b.storages) > 0 && !slices.Contains(b.storages, storage.driver) {
			continue
		}
		if storage.driver == "postgres" {
			pg, err := servers.StartPostgres(ctx, servers.Options{Fsync: true})
			if err != nil {
				return err
			}
			defer func() { _ = pg.Close() }() // private and thrown away
			storage.config = fmt.Sprintf("storage: {driver: postgres, postgres: {url: %q}}\n", pg.URL)
		}
		if err := b.neighboursOn(ctx, storage.driver, storage.config); err != nil {
			return fmt.Errorf("%s: %w", storage.driver, err)
		}
	}
	return nil
}

func (b *bench) neighboursOn(ctx context.Context, driver, config string) error {
	p, err := b.start(ctx, config)
	if err != nil {
		return err
	}
	defer p.stop()
	quiet, _, err := p.addFree(ctx, "quiet")
	if err != nil {
		return err
	}
	beside, err := p.addNoisy(ctx, "beside")
	if err != nil {
		return err
	}
	other, err := b.start(ctx, config)
	if err != nil {
		return err
	}
	defer other.stop()
	apart, err := other.addNoisy(ctx, "apart")
	if err != nil {
		return err
	}
	length := time.Duration(b.seconds) * time.Second
	if _, err := quietly(ctx, quiet, "warm", length/2); err != nil {
		return err
	}
	var alone []float64
	inOther, inSame, ratios, controls := map[string][]float64{}, map[string][]float64{}, map[string][]float64{}, map[string][]float64{}
	for round := range b.rounds {
		for _, kind := range noiseKinds(b.noises) {
			b.at("%s, round %d of %d", kind, round+1, b.rounds)
			run := fmt.Sprintf("%s-%d", kind, round)
			base, err := quietly(ctx, quiet, "alone-"+run, length)
			if err != nil {
				return fmt.Errorf("the quiet instance alone: %w", err)
			}
			control, err := b.withNoise(ctx, kind, apart, run, func() (outcome, error) { return quietly(ctx, quiet, "apart-"+run, length) })
			if err != nil {
				return fmt.Errorf("the quiet instance with %s in another process: %w", kind, err)
			}
			loud, err := b.withNoise(ctx, kind, beside, run, func() (outcome, error) { return quietly(ctx, quiet, "beside-"+run, length) })
			if err != nil {
				return fmt.Errorf("the quiet instance beside %s: %w", kind, err)
			}
			alone = append(alone, ms(base.p99))
			inOther[kind], inSame[kind] = append(inOther[kind], ms(control.p99)), append(inSame[kind], ms(loud.p99))
			ratios[kind], controls[kind] = append(ratios[kind], ms(loud.p99)/ms(base.p99)), append(controls[kind], ms(loud.p99)/ms(control.p99))
			fmt.Fprintf(os.Stderr, "%-8s %-12s p50, p99: alone %.2f, %.2f; noise in another process %.2f, %.2f; beside it %.2f, %.2f ms: %.2f× alone, %.2f× the other process\n",
				driver, kind, ms(base.p50), ms(base.p99), ms(control.p50), ms(control.p99), ms(loud.p50), ms(loud.p99), ms(loud.p99)/ms(base.p99), ms(loud.p99)/ms(control.p99))
		}
	}
	base := b.add("p99 of a quiet instance alone, "+driver, "ms", alone, "", 0, "")
	for _, kind := range noiseKinds(b.noises) {
		b.add(fmt.Sprintf("p99 with %s in another process, %s", kind, driver), "ms", inOther[kind], "alone", base, noises[kind].name)
		b.add(fmt.Sprintf("p99 with %s beside it, %s", kind, driver), "ms", inSame[kind], "alone", base,
			fmt.Sprintf("paired: %.2f× alone, %.2f× the other process", median(ratios[kind]), median(controls[kind])))
	}
	return nil
}

func ms(d time.Duration) float64 { return d.Seconds() * 1e3 }

func median(samples []float64) float64 {
	slices.Sort(samples)
	return (samples[(len(samples)-1)/2] + samples[len(samples)/2]) / 2
}

// addNoisy adds an instance to abuse, with something in its books to list.
func (p *process) addNoisy(ctx context.Context, name string) (target, error) {
	http, grpc, err := p.addFree(ctx, name)
	if err != nil {
		return target{}, err
	}
	_, err = closedLoop(ctx, 16, 2*time.Second, httpDeposits(http, "fill"))
	return target{http: http, grpc: grpc}, err
}

// withNoise measures while a process makes noise.
func (b *bench) withNoise(ctx context.Context, kind string, at target, run string, measure func() (outcome, error)) (outcome, error) {
	self, err := os.Executable()
	if err != nil {
		return outcome{}, err
	}
	noise := exec.CommandContext(ctx, "chrt", "--idle", "0", self, "-noise", kind, "-noise-http", at.http, "-noise-grpc", at.grpc, "-noise-run", run) //nolint:gosec // ourselves
	noise.Stderr = os.Stderr
	out, err := noise.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := noise.Start(); err != nil {
		return outcome{}, err
	}
	defer func() { // it may have ended
		_ = noise.Process.Signal(syscall.SIGTERM)
		_ = noise.Wait()
	}()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != noiseReady {
		return outcome{}, fmt.Errorf("the noise did not start: %q, %w", line, err)
	}
	time.Sleep(time.Second) // it takes effect
	return measure()
}

// quietly sends an instance a request now and then for a while. A request's
// time counts from when it was to be sent, so that one that is late because of
// the one before counts in full. A request that is refused or fails is an error.
func quietly(ctx context.Context, address, run string, length time.Duration) (outcome, error) {
	took := make([]latencies, quietConnections)
	failures := make(chan error, quietConnections)
	begin := time.Now()
	var workers sync.WaitGroup
	for i := range quietConnections {
		took[i] = newLatencies()
		workers.Go(func() {
			failures <- quietConnection(ctx, address, fmt.Sprintf("%s-%d", run, i), begin.Add(quietPause*time.Duration(i)/quietConnections),
				begin.Add(length), took[i])
		})
	}
	workers.Wait()
	for range quietConnections {
		if err := <-failures; err != nil {
			return outcome{}, err
		}
	}
	return summary(took, length), nil
}

func quietConnection(ctx context.Context, address, run string, next, end time.Time, took latencies) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // nothing is under way
	reader := bufio.NewReader(conn)
	var request bytes.Buffer
	for n := 0; next.Before(end); n++ {
		select {
		case <-time.After(time.Until(next)):
		case <-ctx.Done():
			return ctx.Err()
		}
		request.Reset()
		status := " 201 "
		if n%2 == 0 {
			body := fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"0.25","external_id":"%s-%d"}`, run, n)
			fmt.Fprintf(&request, "POST /api/v1/settlements HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s", address, len(body), body)
		} else {
			status = " 200 "
			fmt.Fprintf(&request, "GET /api/v1/accounts/a HTTP/1.1\r\nHost: %s\r\n\r\n", address)
		}
		if _, err := conn.Write(request.Bytes()); err != nil {
			return err
		}
		if err := expect(reader, status); err != nil {
			return err
		}
		took.record(time.Since(next))
		next = next.Add(quietPause)
	}
	return nil
}
