package supervisor

import (
	"log"
	"log/slog"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

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
		cache := httpapi.Component{Name: "redis"}
		if g.redisErr() != nil {
			cache.Problem = "Redis is not available"
		}
		list = append(list, cache)
	}
	return list
}

// quietLog takes what net/http reports of single connections (failed
// handshakes, broken clients), which is of interest only in detail.
func quietLog(logger *slog.Logger) *log.Logger {
	return log.New(debugWriter{logger}, "", 0)
}

type debugWriter struct{ logger *slog.Logger }

// Write logs one line.
func (w debugWriter) Write(line []byte) (int, error) {
	w.logger.Debug("http server", "message", strings.TrimSpace(string(line)))
	return len(line), nil
}
