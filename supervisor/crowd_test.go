package supervisor

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/backoff"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario/overgrpc"
)

// face sends requests to an instance over one of its faces. Answers are those of
// HTTP, over gRPC as well.
type face interface {
	Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (status int, answer []byte, err error)
}

// wire is the HTTP face, on connections that are kept.
type wire struct {
	addr   string
	client *http.Client
}

func (w *wire) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	r, err := http.NewRequestWithContext(ctx, method, "http://"+w.addr+path, strings.NewReader(string(body)))
	if err != nil {
		return 0, nil, err
	}
	for name, value := range headers {
		r.Header.Set(name, value)
	}
	if len(body) > 0 {
		r.Header.Set("Content-Type", "application/json")
	}
	resp, err := w.client.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer func() { _ = resp.Body.Close() }()
	text, err := io.ReadAll(resp.Body)
	return resp.StatusCode, text, err
}

// faces connects to both faces of an instance for as long as the test lasts.
func faces(t testing.TB, s Status) []face {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 16}
	conn, err := grpc.NewClient(s.GRPCAddr, grpc.WithTransportCredentials(insecure.NewCredentials()), grpc.WithConnectParams(grpc.ConnectParams{
		Backoff: backoff.Config{BaseDelay: 5 * time.Millisecond, Multiplier: 1.5, MaxDelay: 100 * time.Millisecond}, MinConnectTimeout: patience,
	}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		_ = conn.Close()
	})
	return []face{&wire{s.HTTPAddr, &http.Client{Transport: transport}}, &overgrpc.Client{Conn: conn}}
}

// errUnsure reports a request without an answer, or with one that does not say
// what became of it.
var errUnsure = errors.New("the outcome is not known")

// ask sends a request once. Its error is errUnsure where trying again may help.
func ask(ctx context.Context, f face, method, path, key, body string) (status int, answer []byte, err error) {
	headers := map[string]string{}
	if key != "" {
		headers["Idempotency-Key"] = key
	}
	status, answer, err = f.Do(ctx, method, path, headers, []byte(body))
	if err != nil || status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests || status == http.StatusGatewayTimeout {
		return status, answer, fmt.Errorf("%w: %d %s %w", errUnsure, status, answer, err)
	}
	return status, answer, nil
}

// insist sends a request until it is answered, with the same key.
func insist(ctx context.Context, f face, method, path, key, body string) (status int, answer []byte, err error) {
	for {
		if status, answer, err = ask(ctx, f, method, path, key, body); err == nil {
			return status, answer, nil
		}
		select {
		case <-ctx.Done():
			return status, answer, err
		case <-time.After(3 * time.Millisecond): // the pace of a client that tries again
		}
	}
}

// whole returns the whole number that a decimal text is.
func whole(text string) (int64, error) {
	number, fraction, _ := strings.Cut(text, ".")
	if strings.Trim(fraction, "0") != "" {
		return 0, fmt.Errorf("%q is no whole number", text)
	}
	var n int64
	err := json.Unmarshal([]byte(number), &n)
	return n, err
}

// heldRecord is a position or a balance as answers have it.
type heldRecord struct {
	PositionID string `json:"position_id"`
	BalanceID  string `json:"balance_id"`
	AccountID  string `json:"account_id"`
	Symbol     string `json:"symbol"`
	Currency   string `json:"currency"`

	Quantity  string `json:"quantity"`
	Available string `json:"available_quantity"`
	Locked    string `json:"locked_quantity"`

	TotalBalance     string `json:"total_balance"`
	AvailableBalance string `json:"available_balance"`
	LockedBalance    string `json:"locked_balance"`
}

// amounts returns what is available and locked, which must add up.
func (r *heldRecord) amounts() (available, locked int64, err error) {
	var total int64
	for _, part := range []struct {
		text string
		into *int64
	}{{r.Available + r.AvailableBalance, &available}, {r.Locked + r.LockedBalance, &locked}, {r.Quantity + r.TotalBalance, &total}} {
		var failed error
		*part.into, failed = whole(part.text)
		err = errors.Join(err, failed)
	}
	if err == nil && (available+locked != total || available < 0 || locked < 0) {
		err = fmt.Errorf("%d available and %d locked are not %d", available, locked, total)
	}
	return available, locked, err
}

// page reads a list.
func page(answer []byte) (records []heldRecord, err error) {
	var list struct{ Positions, Balances []heldRecord }
	err = json.Unmarshal(answer, &list)
	return slices.Concat(list.Positions, list.Balances), err
}

// disturbances bounds what goes wrong in one run, so that it comes to an end
// however slow it all is.
const disturbances = 25

// disturb lets things go wrong with an instance, one after the other, until ctx
// ends or it was enough. Each is noted.
func (h *harness) disturb(ctx context.Context, name string, dice *rand.Rand, m *mishaps, cut func() error, note func(string)) {
	restarts := 0
	for range disturbances {
		if ctx.Err() != nil {
			break
		}
		var err error
		what := []mishap{appendFails, appendLost, projectFails, loadFails, "pause", "restart", "cut"}[dice.IntN(7)]
		switch what {
		case "pause":
			note("paused")
			_, err = h.Pause(h.ctx, name)
			linger(ctx, time.Duration(5+dice.IntN(30))*time.Millisecond)
			_, failed := h.Resume(h.ctx, name)
			err = errors.Join(err, failed)
			note("resumed")
		case "restart":
			note("restart begins")
			_, err = h.Restart(h.ctx, name, 0, true)
			if refusal, ok := errors.AsType[*Error](err); ok && refusal.Kind == KindUnavailable {
				err = nil // the store failed meanwhile; it is tried again
			}
			note("restart ends")
			restarts++
		case "cut":
			if cut != nil {
				note("connections are cut")
				err = cut()
			}
		default:
			note(string(what))
			m.add(what)
		}
		if err != nil {
			h.t.Errorf("%s: %v", what, err)
		}
		linger(ctx, m.pace+time.Duration(dice.Int64N(int64(4*m.pace))))
	}
	m.clear()
	h.t.Logf("%d failures of the store, %d restarts", m.happened.Load(), restarts)
}

// linger passes time until the next disturbance.
func linger(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
