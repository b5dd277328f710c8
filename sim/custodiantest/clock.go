package custodiantest

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// Now returns the custodian's time.
func (c *Custodian) Now() time.Time {
	c.t.Helper()
	clock, err := c.Clock.GetClock(c.t.Context(), &pb.GetClockRequest{})
	if err != nil {
		c.t.Fatalf("reading the clock: %v", err)
	}
	return clock.GetNow().AsTime()
}

// Advance moves the custodian's time forward by d, to the millisecond, and returns
// when everything that is due until then has happened. A clock that is not manual
// cannot be moved and fails the test.
func (c *Custodian) Advance(d time.Duration) {
	c.t.Helper()
	c.advance(&pb.AdvanceClockRequest{By: d.String()})
}

// AdvanceTo is [Custodian.Advance] to an instant that is not before the present
// one.
func (c *Custodian) AdvanceTo(instant time.Time) {
	c.t.Helper()
	c.advance(&pb.AdvanceClockRequest{To: timestamppb.New(instant)})
}

// AdvanceToNextEvent moves the custodian's time to when work is due next, and has
// it done. It fails the test where nothing is due.
func (c *Custodian) AdvanceToNextEvent() {
	c.t.Helper()
	c.advance(&pb.AdvanceClockRequest{ToNextEvent: true})
}

func (c *Custodian) advance(req *pb.AdvanceClockRequest) {
	c.t.Helper()
	if _, err := c.Clock.AdvanceClock(c.t.Context(), req); err != nil {
		c.t.Fatalf("advancing the clock: %v", err)
	}
}
