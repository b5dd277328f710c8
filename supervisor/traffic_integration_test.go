//go:build integration && unix

package supervisor

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// pacing is how long a caller waits between two requests.
const pacing = 25 * time.Millisecond

// traffic are callers that deposit and list at one instance, each one request
// after another, until they are stopped. A deposit is repeated with its key until
// it is acknowledged; so in the end the books hold one for each that was begun.
type traffic struct {
	t         *testing.T
	name      string
	http      *http.Client
	stopping  context.Context
	stop      context.CancelFunc
	callers   sync.WaitGroup
	seen      sync.Mutex
	done      int // deposits that were acknowledged
	refused   int // answers "unavailable"
	lists     int // that were answered
	took      []time.Duration
	startedAt time.Time // of the phase
	problems  []string
}

// drive begins with the traffic at an instance that serves.
func drive(t *testing.T, s Status) *traffic {
	t.Helper()
	f := &traffic{t: t, name: s.Name, startedAt: time.Now(), http: &http.Client{Transport: &http.Transport{}, Timeout: patience}}
	f.stopping, f.stop = context.WithCancel(context.Background())
	settlements := custodianpb.NewSettlementServiceClient(dialGRPC(t, s.GRPCAddr))
	for caller := range 3 {
		deposit := func(key string) error { return f.deposit(s.HTTPAddr, key) }
		if caller == 0 {
			deposit = func(key string) error { return f.depositByCall(settlements, key) }
		}
		f.callers.Go(func() {
			for n := 0; f.pause(); n++ {
				f.complete(fmt.Sprintf("%d-%d", caller, n), deposit)
			}
		})
	}
	f.callers.Go(func() {
		for f.pause() {
			if f.record(func() error { return f.list(s.HTTPAddr) }) {
				f.seen.Lock()
				f.lists++
				f.seen.Unlock()
			}
		}
	})
	t.Cleanup(f.end)
	return f
}

// end stops the traffic once the last requests are acknowledged.
func (f *traffic) end() {
	f.stop()
	f.callers.Wait()
	f.http.CloseIdleConnections()
}

// pause waits a little and reports whether there is to be another request.
func (f *traffic) pause() bool {
	timer := time.NewTimer(pacing)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-f.stopping.Done():
		return false
	}
}

// complete repeats a deposit until it is acknowledged.
func (f *traffic) complete(key string, deposit func(key string) error) {
	again := time.NewTicker(pacing)
	defer again.Stop()
	giveUp := time.NewTimer(patience)
	defer giveUp.Stop()
	for !f.record(func() error { return deposit(key) }) {
		select {
		case <-again.C:
		case <-giveUp.C:
			f.t.Errorf("%s: deposit %s is never acknowledged", f.name, key)
			return
		}
	}
	f.seen.Lock()
	f.done++
	f.seen.Unlock()
}

var errRefused = errors.New("unavailable")

// record notes how a request went and reports whether it was answered well.
func (f *traffic) record(send func() error) bool {
	start := time.Now()
	err := send()
	f.seen.Lock()
	defer f.seen.Unlock()
	f.took = append(f.took, time.Since(start))
	switch {
	case errors.Is(err, errRefused):
		f.refused++
	case err != nil && len(f.problems) < 10:
		f.problems = append(f.problems, err.Error())
	}
	return err == nil
}

func (f *traffic) deposit(addr, key string) error {
	r, err := http.NewRequest(http.MethodPost, "http://"+addr+"/api/v1/settlements",
		strings.NewReader(`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC-USD","quantity":"1"}`))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("Idempotency-Key", key)
	return f.send(r, http.StatusCreated)
}

func (f *traffic) list(addr string) error {
	r, err := http.NewRequest(http.MethodGet, "http://"+addr+"/api/v1/settlements?limit=5", nil)
	if err != nil {
		return err
	}
	return f.send(r, http.StatusOK)
}

// send allows one good answer, and the one refusal that trouble excuses.
func (f *traffic) send(r *http.Request, want int) error {
	resp, err := f.http.Do(r)
	if err != nil {
		return err
	}
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	switch a := (answer{resp.StatusCode, string(text), resp.Header}); {
	case err != nil:
		return err
	case a.status == want:
		return nil
	case a.status == http.StatusServiceUnavailable && a.code() == "unavailable" && a.header.Get("Retry-After") != "" &&
		a.header.Get("Content-Type") == "application/problem+json":
		return errRefused
	default:
		return fmt.Errorf("%s %s was answered %d %s %v", r.Method, r.URL.Path, a.status, a.body, a.header)
	}
}

func (f *traffic) depositByCall(client custodianpb.SettlementServiceClient, key string) error {
	ctx, cancel := context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "idempotency-key", key), patience)
	defer cancel()
	_, err := client.CreateSettlement(ctx, &custodianpb.CreateSettlementRequest{
		SettlementType: "DEPOSIT", AccountId: "a", Symbol: "BTC-USD", Quantity: "1",
	})
	if status.Code(err) == codes.Unavailable {
		return errRefused
	}
	return err
}

// phase returns how many deposits were acknowledged, lists answered and requests
// refused so far, the slowest answer since the last call, and the 99th percentile.
func (f *traffic) phase() (done, lists, refused int, slowest, p99 time.Duration) {
	f.seen.Lock()
	defer f.seen.Unlock()
	if n := len(f.took); n > 0 {
		slices.Sort(f.took)
		slowest, p99 = f.took[n-1], f.took[n*99/100]
	}
	f.took = f.took[:0]
	return f.done, f.lists, f.refused, slowest, p99
}

// counts is phase without its end.
func (f *traffic) counts() (done, lists, refused int) {
	f.seen.Lock()
	defer f.seen.Unlock()
	return f.done, f.lists, f.refused
}

// complaints returns the answers that nothing excuses.
func (f *traffic) complaints() []string {
	f.seen.Lock()
	defer f.seen.Unlock()
	return slices.Clone(f.problems)
}
