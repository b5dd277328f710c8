package grpcapi

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// sending is a stream to a client that may stop reading.
type sending struct {
	since atomic.Int64 // when the send under way began, in Unix nanoseconds; 0 without one
}

// send calls what sends one message.
func (s *sending) send(message func() error) error {
	s.since.Store(time.Now().UnixNano())
	defer s.since.Store(0)
	return message()
}

// patiently calls what sends by s, until it returns or the client has not read for
// too long; advice tells the client how to go on then.
//
// A send waits for its client as long as that likes, and only the end of the
// handler ends it. So it is left to a goroutine, which ends with the stream.
func (f *face) patiently(s *sending, advice string, run func() error) error {
	ended := make(chan error, 1)
	guard.Go(part, nil, func() { ended <- guard.Run(part, run) })
	look := time.NewTicker(f.limits.StreamPatience / 4)
	defer look.Stop()
	for {
		select {
		case err := <-ended:
			if p, ok := errors.AsType[*guard.Panic](err); ok {
				panic(p) // where panics of handlers are dealt with
			}
			return err
		case <-look.C:
			if since := s.since.Load(); since == 0 || time.Since(time.Unix(0, since)) < f.limits.StreamPatience {
				continue
			}
			f.logger.Info("stream ended: its client did not read", "timeout", f.limits.StreamPatience.String())
			if f.onSlow != nil {
				f.onSlow()
			}
			return &sim.Error{Code: sim.CodeOverloaded, RetryAfter: time.Second, Message: fmt.Sprintf(
				"nothing was read from this stream for %s, so it has ended; %s", f.limits.StreamPatience, advice)}
		}
	}
}
