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
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// outcome is what one run of load measured.
type outcome struct {
	perSecond float64
	p50, p99  time.Duration
}

// call sends one request and returns when it was answered well.
type call func(ctx context.Context, n uint64) error

// closedLoop keeps one request under way on each of a number of connections
// for a while. Every request that it counts was answered with success.
func closedLoop(ctx context.Context, connections int, length time.Duration, connect func(ctx context.Context) (call, func(), error)) (outcome, error) {
	var serial atomic.Uint64
	histograms := make([]*hdrhistogram.Histogram, connections)
	calls := make([]call, connections)
	for i := range connections {
		c, closeCall, err := connect(ctx)
		if err != nil {
			return outcome{}, err
		}
		defer closeCall()
		calls[i] = c
		histograms[i] = hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
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
					_ = histograms[i].RecordValue(time.Since(begin).Microseconds()) // out of range only beyond a minute
				}
			}
		})
	}
	workers.Wait()
	select {
	case err := <-failures:
		return outcome{}, err
	default:
	}
	all := hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
	for _, h := range histograms {
		all.Merge(h)
	}
	return outcome{
		perSecond: float64(all.TotalCount()) / length.Seconds(),
		p50:       time.Duration(all.ValueAtQuantile(50)) * time.Microsecond,
		p99:       time.Duration(all.ValueAtQuantile(99)) * time.Microsecond,
	}, nil
}

// httpDeposits returns a connector whose calls instruct deposits over one HTTP
// connection each. It speaks HTTP/1.1 by hand, so that the load costs little of
// the processors that it shares with what it measures.
func httpDeposits(address, run string) func(context.Context) (call, func(), error) {
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
			fmt.Fprintf(&body, `{"settlement_type":"DEPOSIT","account_id":"account-%d","symbol":"BTC","quantity":"0.25","external_id":"%s-%d"}`, n%100, run, n)
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

// grpcDeposits does the same over one gRPC connection each.
func grpcDeposits(address, run string) func(context.Context) (call, func(), error) {
	return func(context.Context) (call, func(), error) {
		conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return nil, nil, err
		}
		client := custodianpb.NewSettlementServiceClient(conn)
		create := func(ctx context.Context, n uint64) error {
			_, err := client.CreateSettlement(ctx, &custodianpb.CreateSettlementRequest{
				SettlementType: "DEPOSIT", AccountId: fmt.Sprintf("account-%d", n%100), Symbol: "BTC", Quantity: "0.25",
				ExternalId: fmt.Sprintf("%s-%d", run, n),
			})
			return err
		}
		return create, func() { _ = conn.Close() }, nil
	}
}
