package main

import (
	"bufio"
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"
)

// readConnections is how many connections read at the same time.
const readConnections = 64

// reads measures reads of the current state next to a process with nothing but a
// chi handler that answers the same bytes.
func reads(ctx context.Context, b *bench) error {
	p, err := b.start(ctx, "storage: {driver: memory}\n")
	if err != nil {
		return err
	}
	defer p.stop()
	address, _, err := p.addInstance(ctx, map[string]any{"name": "bench", "opening": map[string]any{
		"balances": []map[string]string{{"account_id": "account-1", "currency": "USD", "available_balance": "10.00"}}}})
	if err != nil {
		return err
	}
	for _, kind := range []struct{ name, path string }{
		{"an account", "/api/v1/accounts/account-1"}, {"the list of an account's balances", "/api/v1/balances?account_id=account-1"},
	} {
		if err := b.readsOf(ctx, kind.name, address, kind.path); err != nil {
			return err
		}
	}
	return nil
}

func (b *bench) readsOf(ctx context.Context, name, address, path string) error {
	resp, err := http.Get("http://" + address + path) //nolint:noctx // bounded by the server
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != http.StatusOK {
		return fmt.Errorf("%s: %s %s, %w", path, resp.Status, answer, err)
	}
	bare, stop, err := startSelf(ctx, "-bare", base64.StdEncoding.EncodeToString(answer))
	if err != nil {
		return err
	}
	defer stop()
	length := time.Duration(b.seconds) * time.Second
	var reference, measured []float64
	var last outcome
	for round := range b.rounds {
		b.at("round %d of %d", round+1, b.rounds)
		o, err := closedLoop(ctx, readConnections, length, httpReads(bare, "/api/v1/accounts/account-1"))
		if err != nil {
			return err
		}
		reference = append(reference, o.perSecond)
		if last, err = closedLoop(ctx, readConnections, length, httpReads(address, path)); err != nil {
			return err
		}
		measured = append(measured, last.perSecond)
	}
	base := b.add(fmt.Sprintf("a bare chi handler that answers with %s, %d connections", name, readConnections), "/s", reference, "", 0, "")
	b.add(fmt.Sprintf("reads of %s over HTTP, %d connections", name, readConnections), "/s", measured, "bare chi", base,
		fmt.Sprintf("p50 %.1f ms, p99 %.1f ms (last run)", ms(last.p50), ms(last.p99)))
	return nil
}

// httpReads returns a connector whose calls get a path.
func httpReads(address, path string) connector {
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address)
	return func(ctx context.Context) (call, func(), error) {
		var dialer net.Dialer
		conn, err := dialer.DialContext(ctx, "tcp", address)
		if err != nil {
			return nil, nil, err
		}
		reader := bufio.NewReader(conn)
		get := func(context.Context, uint64) error {
			if _, err := conn.Write(request); err != nil {
				return err
			}
			return expect(reader, " 200 ")
		}
		return get, func() { _ = conn.Close() }, nil
	}
}

// serveBare serves an answer, as a process of its own that answers like the program
// with no program behind it.
func serveBare(ctx context.Context, encoded string) error {
	answer, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return err
	}
	router := chi.NewRouter()
	router.Get("/api/v1/accounts/{account_id}", func(w http.ResponseWriter, r *http.Request) {
		if chi.URLParam(r, "account_id") == "" {
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(answer)
	})
	return serve(ctx, router)
}
