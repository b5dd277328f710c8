package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"math"
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/sse"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/console"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// What is below consolePath is the console's own, and no part of the API that the
// OpenAPI document promises: it changes with the page that uses it.
const (
	consolePath     = "/console/"
	aboutPath       = consolePath + "about"
	livePath        = consolePath + "live"
	forwardedPath   = consolePath + "instances/{name}/*"
	forwardedPrefix = consolePath + "instances/"
)

// files are those of the console, by their paths.
var files = console.Files()

// serveConsole adds the console to the routes.
func (a *API) serveConsole() {
	for path, file := range files {
		a.router.Method(http.MethodGet, path, file)
	}
	a.router.Method(http.MethodGet, aboutPath, a.handler(&operation{serve: getAbout}))
	a.router.Method(http.MethodGet, livePath, a.handler(&operation{serve: streamLive}))
	a.router.Handle(forwardedPath, a.handler(&operation{serve: forward}))
}

// about is what the page has to know before it shows anything.
type about struct {
	Who      string       `json:"who"`
	Role     string       `json:"role"`
	Version  wire.Version `json:"version"`
	Profiles []string     `json:"profiles"`
}

// getAbout tells who is asking. Who it is was found out when the request was let in.
func getAbout(c *call) error {
	who, caller, err := c.gate.identify(c.r)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, about{Who: who, Role: caller.Role.String(), Version: c.opts.Version, Profiles: profile.Names()})
}

// liveEvery is the time between two looks at the instances.
const liveEvery = time.Second

// liveRow is what the console shows of an instance in a line.
type liveRow struct {
	Instance wire.Instance `json:"instance"`
	// Rate and Failing are answers a second since the last look, nil at the first and
	// where the counters began anew. P99 is in milliseconds; nil while nothing was asked.
	Rate    *float64 `json:"rate,omitempty"`
	Failing *float64 `json:"failing,omitempty"`
	P99     *float64 `json:"p99_ms,omitempty"`

	OpenSettlements  int `json:"open_settlements"`
	OpenTransfers    int `json:"open_transfers"`
	PendingApprovals int `json:"pending_approvals"`
	OpenBreaks       int `json:"open_breaks"`
	ActiveFaults     int `json:"active_faults"`
}

// live follows the instances for one reader.
type live struct {
	only   string // the instance that is shown, or all
	looked time.Time
	before map[string]supervisor.Live
	sent   map[string][]byte
}

// streamLive sends how all instances are, and then each second what has changed. It
// costs nothing while nobody looks.
func streamLive(c *call) error {
	only := c.r.URL.Query().Get("instance")
	ctx, leave, err := c.lasting(&c.streams, c.opts.Limits.MaxStreams, "event streams")
	if err != nil {
		return err
	}
	defer leave()
	l := &live{only: only, before: make(map[string]supervisor.Live), sent: make(map[string][]byte)}
	look := time.NewTicker(liveEvery)
	defer look.Stop()
	s, err := sse.Start(c.w)
	quiet := time.Now()
	for number := uint64(1); err == nil; number++ {
		if text := l.changes(c.opts.Supervisor.Live(), number == 1); text != nil {
			s.Event(number, "live", text)
			quiet = time.Now()
		} else if time.Since(quiet) > keepAlive {
			s.Comment("still here")
			quiet = time.Now()
		}
		if s.Pending() > 0 {
			err = s.Flush()
		}
		if err == nil {
			err = tick(ctx, look.C)
		}
	}
	return nil // the answer has begun
}

func tick(ctx context.Context, at <-chan time.Time) error {
	select {
	case <-at:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// changes returns what is to be sent, or nil where nothing has changed.
func (l *live) changes(now []supervisor.Live, first bool) []byte {
	at := time.Now()
	since := at.Sub(l.looked).Seconds()
	l.looked = at
	var text bytes.Buffer
	text.WriteString(`{"instances":[`)
	start := text.Len()
	there := make(map[string]supervisor.Live, len(now))
	for k := range now {
		i := now[k]
		if l.only != "" && i.Name != l.only {
			continue
		}
		there[i.Name] = i
		row := rowOf(i, l.before[i.Name], since)
		line, err := json.Marshal(row)
		if err != nil || bytes.Equal(line, l.sent[i.Name]) {
			continue // our types always encode
		}
		l.sent[i.Name] = line
		if text.Len() > start {
			text.WriteByte(',')
		}
		text.Write(line)
	}
	text.WriteString(`],"removed":[`)
	removed := 0
	for name := range l.sent {
		if _, found := there[name]; found {
			continue
		}
		delete(l.sent, name)
		if removed++; removed > 1 {
			text.WriteByte(',')
		}
		quoted, _ := json.Marshal(name) // a string always encodes
		text.Write(quoted)
	}
	nothing := text.Len() == start+len(`],"removed":[`)
	l.before = there
	if nothing && !first {
		return nil
	}
	text.WriteString(`]}`)
	return text.Bytes()
}

// rowOf makes a line of an instance of what it was a look ago, and is now.
func rowOf(now, before supervisor.Live, since float64) liveRow {
	row := liveRow{
		Instance:        instanceOf(now.Status),
		OpenSettlements: now.Vitals.Gauges.OpenSettlements, OpenTransfers: now.Vitals.Gauges.OpenTransfers,
		PendingApprovals: now.Vitals.Gauges.PendingApprovals, OpenBreaks: now.Vitals.Gauges.OpenBreaks, ActiveFaults: now.Vitals.Gauges.ActiveFaults,
	}
	v, b := now.Vitals, before.Vitals
	if before.Name == "" || v.Requests < b.Requests { // seen for the first time, or its counters began anew
		return row
	}
	rate, failing := rounded(float64(v.Requests-b.Requests)/since), rounded(float64(v.Failed-b.Failed)/since)
	row.Rate, row.Failing = &rate, &failing
	if p99, found := v.Answered.Quantile(b.Answered, .99); found {
		ms := math.Round(p99.Seconds()*1e5) / 100
		row.P99 = &ms
	}
	return row
}

// rounded keeps a figure from looking different for a tick that came late.
func rounded(perSecond float64) float64 {
	if perSecond >= 10 {
		return math.Round(perSecond)
	}
	return math.Round(perSecond*10) / 10
}

// forward has an instance answer a request as if it had come through its own port,
// to whoever the admin API lets in. What it needs a role for is said by the method.
func forward(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	face, err := c.opts.Supervisor.Face(name)
	if err != nil {
		return err
	}
	ctx := c.r.Context()
	if sse.Wanted(c.r) {
		lasting, leave, err := c.lasting(&c.streams, c.opts.Limits.MaxStreams, "event streams")
		if err != nil {
			return err
		}
		defer leave()
		ctx = lasting
	}
	// The instance has a router of its own, which is not one below this one.
	r := c.r.Clone(context.WithValue(ctx, chi.RouteCtxKey, (*chi.Context)(nil)))
	rest, found := strings.CutPrefix(r.URL.Path, forwardedPrefix+name)
	if !found || r.URL.RawPath != "" {
		return problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path")
	}
	r.URL.Path, r.RequestURI = rest, ""
	r.Header.Del("Authorization")
	r.Header.Set(requestid.Header, requestid.Of(c.w))
	face.ServeHTTP(c.w, r)
	return nil
}
