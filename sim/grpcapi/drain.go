package grpcapi

import (
	"context"
	"fmt"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// errDraining is what streams end with. Clients find the server, or its
// successor, again with an ordinary retry.
var errDraining = &sim.Error{
	Code: sim.CodeDraining, RetryAfter: time.Second,
	Message: "this custodian is draining; connect again and resume behind the last event received",
}

const (
	// lingerTicks times lingerTick is how long a drain waits for streams to end
	// once no unary call is under way and nothing moves on any connection. What is
	// left then are streams whose clients do not read.
	lingerTicks = 20
	lingerTick  = 100 * time.Millisecond
	// silentTicks is how many where there are no streams either: what is left are
	// connections whose peers do not answer.
	silentTicks = 3
	// stopGrace is how long handlers get to notice that they were cut off.
	stopGrace = time.Second
)

// Drain ends the server: health checks report NOT_SERVING, no connection and
// no call is accepted any more, streams end with UNAVAILABLE, and calls under
// way are finished. It returns nil once all of them are. When ctx ends first
// the rest is cut off and the error says how much that was. Drain may be called
// again, also while another call is under way.
func (s *Server) Drain(ctx context.Context) error {
	s.health.Shutdown()
	s.end(errDraining)
	s.drain.Do(func() {
		guard.Go(part, s.report, func() {
			defer close(s.drained)
			s.gracefulStop()
		})
	})
	tick := time.NewTicker(lingerTick)
	defer tick.Stop()
	moved := s.moved()
	for quiet := 0; quiet < s.patience(); {
		select {
		case <-s.drained:
			return nil
		case <-tick.C:
			quiet++
			// What moves is a large request or answer at a slow client.
			if now := s.moved(); s.calls.Load() > 0 || now != moved {
				quiet, moved = 0, now
			}
		case <-ctx.Done():
			err := fmt.Errorf("gRPC calls cut off at the drain's deadline: %d requests, %d event streams: %w",
				s.calls.Load(), s.watchers.Load(), context.Cause(ctx))
			s.stop()
			return err
		}
	}
	s.stop()
	return nil
}

// patience is for how many quiet ticks a drain goes on.
func (s *Server) patience() int {
	if s.watchers.Load() > 0 || s.others.Load() > 0 {
		return lingerTicks
	}
	return silentTicks
}

// moved returns how many bytes have moved on the server's connections.
func (s *Server) moved() (bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		bytes += l.moved.Load()
	}
	return bytes
}

// stop closes every connection and waits a moment for the handlers.
func (s *Server) stop() {
	s.mu.Lock()
	listeners, server := s.listeners, s.grpc
	s.mu.Unlock()
	for _, l := range listeners {
		l.abort()
	}
	if server != nil {
		guard.Go(part, s.report, server.Stop) // returns with GracefulStop, when the last handler has
	}
	select {
	case <-s.drained:
	case <-time.After(stopGrace):
	}
}
