package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// outcome is what one run of load measured.
type outcome struct {
	requests       uint64 // all of them, those of the time before it counts included
	perSecond      float64
	p50, p99, p999 time.Duration
}

// latencies are those of one connection's requests, in microseconds. Beyond a
// minute they count as a minute.
type latencies struct{ *hdrhistogram.Histogram }

func newLatencies() latencies {
	return latencies{hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)}
}

func (l latencies) record(d time.Duration) {
	_ = l.RecordValue(min(d, time.Minute).Microseconds()) // within the range
}

// summary is the outcome of a run of some length on several connections.
func summary(of []latencies, length time.Duration) outcome {
	all := newLatencies()
	for _, l := range of {
		all.Merge(l.Histogram)
	}
	at := func(quantile float64) time.Duration {
		return time.Duration(all.ValueAtQuantile(quantile)) * time.Microsecond
	}
	return outcome{perSecond: float64(all.TotalCount()) / length.Seconds(), p50: at(50), p99: at(99), p999: at(99.9)}
}

// call sends one request and returns when it was answered well.
type call func(ctx context.Context, n uint64) error

// connector opens a connection; what it returns besides closes it.
type connector func(ctx context.Context) (call, func(), error)

// spread returns a connector that uses one of several after the other.
func spread(over []connector) connector {
	next := 0
	return func(ctx context.Context) (call, func(), error) {
		next++
		return over[next%len(over)](ctx)
	}
}

// closedLoop keeps one request under way on each of a number of connections
// for a while. Every request that it counts was answered with success.
func closedLoop(ctx context.Context, connections int, length time.Duration, connect connector) (outcome, error) {
	var serial atomic.Uint64
	took := make([]latencies, connections)
	calls := make([]call, connections)
	for i := range connections {
		c, closeCall, err := connect(ctx)
		if err != nil {
			return outcome{}, err
		}
		defer closeCall()
		calls[i], took[i] = c, newLatencies()
	}
	warmUp := time.Now().Add(length / 5)
	end := warmUp.Add(length)
	failures := make(chan error, connections)
	var workers sync.WaitGroup
	for i := range connections {
		workers.Go(func() {
			for {
				begin := time.Now()
				if begin.After(end) {
					return
				}
				if err := calls[i](ctx, serial.Add(1)); err != nil {
					failures <- err
					return
				}
				if begin.After(warmUp) {
					took[i].record(time.Since(begin))
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failures:
		return outcome{}, err
	default:
		o := summary(took, length)
		o.requests = serial.Load()
		return o, nil
	}
}

// naming returns the external id of the nth settlement of a run.
type naming func(n uint64) string

// inOrder numbers the settlements of a run.
func inOrder(run string) naming {
	return func(n uint64) string { return fmt.Sprintf("%s-%d", run, n) }
}

// scattered has ids of one run, none twice, fall everywhere among those of others,
// as random ones do: each goes to another page of an index on them.
func scattered(run string) naming {
	const odd = 0x9e3779b97f4a7c15 // any odd factor maps one to one, and this one far apart
	return func(n uint64) string { return fmt.Sprintf("%016x-%s", n*odd, run) }
}

// httpDeposits returns a connector whose calls instruct deposits over one HTTP
// connection each. It speaks HTTP/1.1 by hand, so that the load costs little of
// the processors that it shares with what it measures.
func httpDeposits(address, run string) connector { return httpDepositsNamed(address, inOrder(run)) }

// httpDepositsNamed does so with other external ids.
func httpDepositsNamed(address string, id naming) connector {
	return func(ctx context.Context) (call, func(), error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, nil, err
		}
		reader := bufio.NewReader(conn)
		var request, body bytes.Buffer
		post := func(_ context.Context, n uint64) error {
			body.Reset()
			fmt.Fprintf(&body, `{"settlement_type":"DEPOSIT","account_id":"account-%d","symbol":"BTC","quantity":"0.25","external_id":%q}`, n%100, id(n))
			request.Reset()
			fmt.Fprintf(&request, "POST /api/v1/settlements HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", address, body.Len())
			request.Write(body.Bytes())
			if _, err := conn.Write(request.Bytes()); err != nil {
				return err
			}
			return expect(reader, " 201 ")
		}
		return post, func() { _ = conn.Close() }, nil
	}
}

// expect reads one response and fails if it has not the wanted status, given
// with a space on either side.
func expect(r *bufio.Reader, wanted string) error {
	status, err := r.ReadString('\n')
	if err != nil {
		return err
	}
	length := -1
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return err
		}
		if line = strings.TrimSpace(line); line == "" {
			break
		}
		if name, v, _ := strings.Cut(line, ":"); strings.EqualFold(name, "Content-Length") {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("answer without Content-Length")
	}
	if strings.Contains(status, wanted) {
		_, err = r.Discard(length)
		return err
	}
	answer := make([]byte, length)
	_, err = io.ReadFull(r, answer)
	return errors.Join(fmt.Errorf("answer %s: %s", strings.TrimSpace(status), answer), err)
}
