package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// noise is a way to abuse an instance: so many connections, each of which does
// the same again and again, refused or not.
type noise struct {
	name        string
	connections int
	once        func(ctx context.Context, t target, connection, n int) error
}

// target is the instance that is abused.
type target struct{ http, grpc, run string }

var noises = map[string]noise{
	"writers":      {"64 closed-loop writers over HTTP", 64, keepWriting},
	"grpc-writers": {"64 closed-loop writers over gRPC", 64, keepCalling},
	"slow-headers": {"2000 connections that send their headers slowly", 2000, slowHeaders},
	"slow-bodies":  {"1000 connections that send their bodies slowly", 1000, slowBodies},
	"slow-readers": {"500 connections that read huge pages slowly", 500, slowReaders},
	"big-bodies":   {"16 clients that send bodies just below the bound", 16, bodies(1<<20 - 1024)},
	"giant-bodies": {"16 clients that send bodies over the bound", 16, bodies(4 << 20)},
	"streams":      {"400 event streams over HTTP and gRPC, and 16 writers", 416, streams},
	"pages":        {"32 clients that read huge pages and statements", 32, pages},
	"connections":  {"64 clients that connect and go", 64, connectAndGo},
}

// noiseKinds returns the kinds to make, all where none is named.
func noiseKinds(named []string) []string {
	if len(named) > 0 {
		return named
	}
	return slices.Sorted(maps.Keys(noises))
}

// noisePause is how long a connection that was refused waits before it comes
// again: much shorter than it is asked to.
const noisePause = 20 * time.Millisecond

// makeNoise abuses an instance until ctx ends. It says so on standard output
// once each connection has begun.
func makeNoise(ctx context.Context, kind string, t target) error {
	n, known := noises[kind]
	if !known {
		return fmt.Errorf("-noise: %q is not known; allowed: %s", kind, strings.Join(noiseKinds(nil), ", "))
	}
	for connection := range n.connections {
		go func() {
			for i := 0; ctx.Err() == nil; i++ {
				if n.once(ctx, t, connection, i) != nil {
					select {
					case <-time.After(noisePause):
					case <-ctx.Done():
					}
				}
			}
		}()
	}
	if _, err := fmt.Fprintln(os.Stdout, noiseReady); err != nil {
		return err
	}
	<-ctx.Done()
	return nil
}

// dialled calls fn with a connection that is closed when ctx ends.
func dialled(ctx context.Context, address string, fn func(net.Conn) error) error {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { _ = conn.Close() })()
	defer func() { _ = conn.Close() }() // the noise is over
	return fn(conn)
}

func keepWriting(ctx context.Context, t target, connection, n int) error {
	connect := httpDeposits(t.http, fmt.Sprintf("%s-%d-%d", t.run, connection, n))
	send, closeConn, err := connect(ctx)
	if err != nil {
		return err
	}
	defer closeConn()
	for i := uint64(0); ctx.Err() == nil; i++ {
		if err := send(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

func keepCalling(ctx context.Context, t target, connection, n int) error {
	send, closeConn, err := grpcDeposits(t.grpc, fmt.Sprintf("%s-%d-%d", t.run, connection, n))(ctx)
	if err != nil {
		return err
	}
	defer closeConn()
	for i := uint64(0); ctx.Err() == nil; i++ {
		if err := send(ctx, i); err != nil {
			return err
		}
	}
	return nil
}

// trickle sends bytes one at a time, a few a second, until the peer has enough
// of it.
func trickle(conn net.Conn) error {
	for {
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(200 * time.Millisecond)) // the pause
		var one [1]byte
		if _, err := conn.Read(one[:]); err == nil || !os.IsTimeout(err) {
			return io.EOF // answered or closed
		}
	}
}

func slowHeaders(ctx context.Context, t target, _, _ int) error {
	return dialled(ctx, t.http, func(conn net.Conn) error {
		if _, err := io.WriteString(conn, "GET /api/v1/accounts HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: "); err != nil {
			return err
		}
		return trickle(conn)
	})
}

func slowBodies(ctx context.Context, t target, _, _ int) error {
	return dialled(ctx, t.http, func(conn net.Conn) error {
		head := fmt.Sprintf("POST /api/v1/settlements/bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", 1<<20)
		if _, err := io.WriteString(conn, head+`{"settlements":[`+strings.Repeat(" ", 512<<10)); err != nil {
			return err
		}
		return trickle(conn)
	})
}

func slowReaders(ctx context.Context, t target, connection, _ int) error {
	return dialled(ctx, t.http, func(conn net.Conn) error {
		_ = conn.(*net.TCPConn).SetReadBuffer(4 << 10) // a wish
		if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", hugePages[connection%len(hugePages)]); err != nil {
			return err
		}
		some := make([]byte, 512)
		for {
			if _, err := conn.Read(some); err != nil {
				return err
			}
			select {
			case <-time.After(100 * time.Millisecond):
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	})
}

// bodies returns a client that sends bodies of a size: lists of instructions
// that are all wrong, so that reading them is all the work.
func bodies(size int) func(context.Context, target, int, int) error {
	item := []byte(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"-1","metadata":{"k":"` + strings.Repeat("v", 900) + `"}}`)
	return func(ctx context.Context, t target, _, _ int) error {
		return dialled(ctx, t.http, func(conn net.Conn) error {
			body := []byte(`{"settlements":[`)
			for len(body)+len(item)+2 < size {
				body = append(append(body, item...), ',')
			}
			body = append(append(body, item[:0]...), []byte(`{}]}`)...)
			reader := bufio.NewReader(conn)
			for {
				var request bytes.Buffer
				fmt.Fprintf(&request, "POST /api/v1/settlements/bulk HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n", len(body))
				request.Write(body)
				if _, err := conn.Write(request.Bytes()); err != nil {
					return err
				}
				if err := discard(reader); err != nil {
					return err
				}
			}
		})
	}
}

// streams follows the events of the instance from the first one on, which
// writers keep adding to.
func streams(ctx context.Context, t target, connection, n int) error {
	switch {
	case connection < 16:
		return keepWriting(ctx, t, connection, n)
	case connection%2 == 0:
		return dialled(ctx, t.http, func(conn net.Conn) error {
			if _, err := io.WriteString(conn, "GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n"); err != nil {
				return err
			}
			_, err := io.Copy(io.Discard, conn)
			return err
		})
	}
	conn, err := grpc.NewClient(t.grpc, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // the noise is over
	stream, err := custodianpb.NewReportingServiceClient(conn).WatchEvents(ctx, &custodianpb.WatchEventsRequest{})
	for err == nil {
		_, err = stream.Recv()
	}
	return err
}

// discard reads a response of any length and fails if it is not 200.
func discard(r *bufio.Reader) error {
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("answer %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

var hugePages = []string{
	"/api/v1/settlements?limit=1000", "/api/v1/ledger/entries?limit=1000", "/api/v1/events?limit=1000",
	"/api/v1/statements/transactions?account_id=account-1&from=2020-01-01&to=2040-01-01&limit=10000&format=xml",
}

func pages(ctx context.Context, t target, connection, _ int) error {
	return dialled(ctx, t.http, func(conn net.Conn) error {
		reader := bufio.NewReaderSize(conn, 64<<10)
		for n := connection; ; n++ {
			if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", hugePages[n%len(hugePages)]); err != nil {
				return err
			}
			if err := discard(reader); err != nil {
				return err
			}
		}
	})
}

func connectAndGo(ctx context.Context, t target, _, _ int) error {
	return dialled(ctx, t.http, func(conn net.Conn) error {
		_, err := io.WriteString(conn, "GET /nowhere HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
		if err == nil {
			_, err = io.Copy(io.Discard, conn)
		}
		return err
	})
}
