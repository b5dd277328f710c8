package supervisor

import (
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/redis"
)

// healthPause is how often health checks and metrics are told anew what the
// engine and Redis are like. Readiness over HTTP is asked for and always fresh.
const healthPause = time.Second

// pulse tells the health of all groups that run, on one goroutine: with one each,
// most of what a process with many idle instances does were this. It is safe for
// concurrent use; the zero value has no groups, and no goroutine.
type pulse struct {
	mu     sync.Mutex
	groups map[*group]struct{}
	stop   chan struct{} // closed when the last group is gone
}

// add tells the health of a group, now and from then on.
func (p *pulse) add(g *group) {
	guard.Do("health", g.panicked, g.tellHealth)
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.groups) == 0 {
		p.groups, p.stop = make(map[*group]struct{}), make(chan struct{})
		stop := p.stop
		guard.Go("health", nil, func() { p.run(stop) }) // a group's panic is kept in beat
	}
	p.groups[g] = struct{}{}
}

// remove ends what add began.
func (p *pulse) remove(g *group) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.groups, g)
	if len(p.groups) == 0 {
		close(p.stop)
	}
}

func (p *pulse) run(stop <-chan struct{}) {
	ticker := time.NewTicker(healthPause)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			p.beat()
		case <-stop:
			return
		}
	}
}

// beat tells all groups' health. A panic is of the group alone whose it is.
func (p *pulse) beat() {
	p.mu.Lock()
	groups := slices.Collect(maps.Keys(p.groups))
	p.mu.Unlock()
	for _, g := range groups {
		guard.Do("health", g.panicked, g.tellHealth)
	}
}

// tellHealth tells the gRPC health service whether requests are answered, and
// the metrics whether Redis is.
func (g *group) tellHealth() {
	g.healthy.Lock()
	defer g.healthy.Unlock()
	g.grpc.SetServing(g.serving.Err() == nil && g.engine.Ready() == nil)
	if g.redis != nil {
		g.redisUp(g.redisErr() == nil)
	}
}

// setPaused pauses or resumes the engine.
func (g *group) setPaused(paused bool) {
	g.engine.SetPaused(paused)
	g.tellHealth()
}

// redisErr returns why Redis is away, or nil while it is there or not used.
func (g *group) redisErr() error {
	if g.redis == nil {
		return nil
	}
	if state := g.redis.State(); !state.Up {
		return state.Err
	}
	return nil
}

// degradedBy says why the instance works without a part that it can do without,
// in words that may be shown to anybody, or nothing.
func (g *group) degradedBy() string {
	if err := g.redisErr(); err != nil {
		return "Redis is not available: " + redis.Reason(err)
	}
	return ""
}

// components tells the HTTP face how the instance's parts are. The engine
// speaks for the store as well: it cannot serve without it. Redis is not needed
// to settle, so without it the instance is ready but degraded.
func (g *group) components() []httpapi.Component {
	health := g.engine.Health()
	store := httpapi.Component{Name: "store", Required: true}
	if health.Err != nil {
		store.Problem = "the store is not available"
	}
	books := httpapi.Component{Name: "engine", Required: true}
	if err := g.engine.Ready(); err != nil {
		books.Problem = err.Error()
	}
	if g.serving.Err() != nil {
		books.Problem = "this custodian is shutting down"
	}
	list := []httpapi.Component{books, store}
	if g.redis != nil {
		list = append(list, httpapi.Component{Name: "redis", Problem: g.degradedBy()})
	}
	return list
}
