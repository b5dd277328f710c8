package supervisor

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// drainingRetry is what callers are asked to wait while an instance drains.
const drainingRetry = 5 * time.Second

// Live is an instance with the figures of how it is doing.
type Live struct {
	Status
	// Vitals count from the instance's first start on, and begin anew when it was
	// drained; all zero while it is stopped.
	Vitals obs.Vitals
}

// Live returns all instances as they are now, ordered by name.
func (s *Supervisor) Live() []Live {
	all := s.all()
	out := make([]Live, len(all))
	for k, i := range all {
		out[k].Status = i.snapshot()
		if g := i.serving(); g != nil {
			out[k].Vitals = g.vitals()
		}
	}
	return out
}

// Face returns the HTTP face of an instance that serves, without its port: for
// requests whose sender was let in by this process, to whom the instance's own keys
// do not apply. Whatever else bounds its requests does, and they count among those
// that a drain waits for; they are not in the instance's metrics, which are of its
// callers. It is to be asked for anew for each request. Refusals are
// [*Error] values: [KindNotFound], and [KindUnavailable] while it does not serve.
func (s *Supervisor) Face(name string) (http.Handler, error) {
	i, err := s.find(name)
	if err != nil {
		return nil, err
	}
	g := i.serving()
	if g == nil {
		return nil, &Error{Kind: KindUnavailable, Message: fmt.Sprintf("instance %q does not serve: it is %s", name, i.snapshot().State)}
	}
	return http.HandlerFunc(g.serveAdmitted), nil
}

// serving returns the group that serves, or nil.
func (i *instance) serving() *group {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.group
}

// serveAdmitted answers a request that did not come through the instance's port. A
// drain refuses it, waits for it and cuts it off as it does with those that did.
func (g *group) serveAdmitted(w http.ResponseWriter, r *http.Request) {
	g.admitted.Add(1)
	defer g.admitted.Add(-1)
	if g.serving.Err() != nil {
		problem.Write(w, &sim.Error{Code: sim.CodeDraining, RetryAfter: drainingRetry, Message: "this custodian is shutting down"})
		return
	}
	ctx, cancel := context.WithCancel(obs.Unmetered(httpapi.Admitted(r.Context())))
	defer cancel()
	defer context.AfterFunc(g.abort, cancel)()
	g.http.Handler.ServeHTTP(w, r.WithContext(ctx))
}

// finishAdmitted waits for requests that did not come through the port, until ctx
// ends.
func (g *group) finishAdmitted(ctx context.Context) {
	none := func() bool { return g.admitted.Load() == 0 }
	if awaitCondition(ctx, none); !none() {
		g.cutOff.Store(true)
		g.logger.Warn("drain deadline reached", "error", "requests of the console were cut off", "requests", g.admitted.Load())
	}
}
