package admin_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestProfilesAreGzippedProtocolBuffers(t *testing.T) {
	// Not parallel: the runtime records one profile at a time.
	a := admin.New(options(newDouble()))
	for _, path := range []string{"profile?seconds=1", "block?seconds=1", "mutex?seconds=1", "heap", "allocs", "goroutine"} {
		got := ask(t, a, "GET", "/debug/pprof/"+path, "")
		if got.status != http.StatusOK || !strings.HasPrefix(got.body, "\x1f\x8b") {
			t.Errorf("%s: %d %.100q", path, got.status, got.body)
		}
	}
}

func TestProfilesSayWhatIsWrong(t *testing.T) {
	t.Parallel()
	a := admin.New(options(newDouble()))
	for path, want := range map[string]string{
		"profile":            "must be given: for how long to record, from 1 to 60",
		"block?seconds=0":    "seconds",
		"heap?seconds=61":    "seconds",
		"heap?debug=1":       "debug",
		"cmdline":            "there are profile, block, mutex, heap, allocs, goroutine",
		"profile?seconds=1s": "seconds",
	} {
		got := ask(t, a, "GET", "/debug/pprof/"+path, "")
		if got.status < 400 || got.status > 499 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestProfilesAreForThoseWhoOperate(t *testing.T) {
	t.Parallel()
	o := options(newDouble())
	for _, role := range []string{"read", "operate"} {
		sum := sha256.Sum256([]byte(role))
		o.Config.Tokens = append(o.Config.Tokens, config.Token{Name: role, SHA256: config.KeyHash(hex.EncodeToString(sum[:])), Role: role})
	}
	a := admin.New(o)
	for token, want := range map[string]int{"read": http.StatusForbidden, "operate": http.StatusOK} {
		r := httptest.NewRequest(http.MethodGet, "/debug/pprof/heap", http.NoBody)
		r.Host, r.RemoteAddr = "127.0.0.1:9000", "127.0.0.1:1234"
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		a.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%s: %d %.200s", token, w.Code, w.Body.String())
		}
	}
}

func TestAProfileEndsWithTheAPI(t *testing.T) {
	// Not parallel: the runtime records one profile at a time.
	o := options(newDouble())
	ending, end := context.WithCancel(t.Context())
	o.Context = ending
	a := admin.New(o)
	answered := make(chan reply, 1)
	start := time.Now()
	go func() { answered <- ask(t, a, "GET", "/debug/pprof/profile?seconds=60", "") }()
	time.AfterFunc(50*time.Millisecond, end)
	if got := <-answered; time.Since(start) > 30*time.Second {
		t.Errorf("status %d after %s", got.status, time.Since(start))
	}
}
