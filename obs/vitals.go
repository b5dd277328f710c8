package obs

import (
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Vitals are the figures by which people see how an instance is doing, at one
// moment. To make them of the series that scrapes get would cost a thousand
// instances most of a second; these are a few words each.
type Vitals struct {
	// Requests are those answered over both faces, Failed of them those that were
	// answered with a 5xx status or a gRPC code that says that the server failed.
	Requests, Failed uint64
	// Answered are the requests by how long they took, streams left out.
	Answered Latencies
	// Gauges is how much is open in the books.
	Gauges sim.Gauges
}

// Latencies count what took so long: each element what took no longer than that
// bucket's bound and longer than the one's before, the last what took longer.
type Latencies [13]uint64 // one more than requestBuckets

// Quantile returns the bound within which a share q of what came since an earlier
// moment stayed, read from buckets as Prometheus does: by drawing a line through
// the bucket that it falls into. It is false where nothing came.
func (l Latencies) Quantile(since Latencies, q float64) (time.Duration, bool) {
	var total uint64
	for i := range l {
		total += l[i] - since[i]
	}
	if total == 0 {
		return 0, false
	}
	rank, below := q*float64(total), uint64(0)
	for i, bound := range requestBuckets {
		count := l[i] - since[i]
		if float64(below+count) >= rank && count > 0 {
			lower := 0.0
			if i > 0 {
				lower = requestBuckets[i-1]
			}
			seconds := lower + (bound-lower)*(rank-float64(below))/float64(count)
			return time.Duration(seconds * float64(time.Second)), true
		}
		below += count
	}
	return time.Duration(requestBuckets[len(requestBuckets)-1] * float64(time.Second)), true
}

// vitals are counted as requests are answered.
type vitals struct {
	requests, failed atomic.Uint64
	answered         [len(Latencies{})]atomic.Uint64
	gauges           [5]atomic.Int64
}

// Vitals returns the figures of this moment.
func (in *Instance) Vitals() Vitals {
	v := Vitals{Requests: in.vitals.requests.Load(), Failed: in.vitals.failed.Load()}
	for i := range v.Answered {
		v.Answered[i] = in.vitals.answered[i].Load()
	}
	for i, gauge := range gaugesOf(&v.Gauges) {
		*gauge = int(in.vitals.gauges[i].Load())
	}
	return v
}

func gaugesOf(g *sim.Gauges) [5]*int {
	return [...]*int{&g.OpenSettlements, &g.OpenTransfers, &g.PendingApprovals, &g.OpenBreaks, &g.ActiveFaults}
}

// request counts one that was answered.
func (v *vitals) request(failed bool) {
	v.requests.Add(1)
	if failed {
		v.failed.Add(1)
	}
}

// took notes how long an answer took.
func (v *vitals) took(d time.Duration) {
	i, seconds := 0, d.Seconds()
	for i < len(requestBuckets) && seconds > requestBuckets[i] {
		i++
	}
	v.answered[i].Add(1)
}

// setGauges notes how much is open.
func (v *vitals) setGauges(g sim.Gauges) {
	for i, gauge := range gaugesOf(&g) {
		v.gauges[i].Store(int64(*gauge))
	}
}

// serverFailures are the codes by which a gRPC server says that it is its own fault,
// as 5xx statuses do over HTTP.
var serverFailures = map[string]bool{
	codes.Unknown.String(): true, codes.DeadlineExceeded.String(): true, codes.Unimplemented.String(): true,
	codes.Internal.String(): true, codes.Unavailable.String(): true, codes.DataLoss.String(): true,
}
