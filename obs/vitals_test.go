package obs_test

import (
	"context"
	"errors"
	"net/http"
	"testing"
	"time"

	"github.com/go-chi/chi/v5"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func TestVitalsCountWhatBothFacesAnswer(t *testing.T) {
	t.Parallel()
	in, err := obs.NewRegistry().Instance("one", obs.InstanceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	answer := func(status int, mediaType string) {
		router := chi.NewRouter()
		router.Use(in.HTTPMiddleware)
		router.Get("/", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", mediaType)
			w.WriteHeader(status)
		})
		serve(t, router, http.MethodGet, "/")
	}
	for _, status := range []int{200, 201, 404, 422, 500, 503} {
		answer(status, "application/json")
	}
	answer(200, "text/event-stream")
	for _, code := range []codes.Code{codes.OK, codes.InvalidArgument, codes.Unavailable} {
		_, err := in.UnaryServerInterceptor()(t.Context(), nil, &grpc.UnaryServerInfo{FullMethod: "/a/b"}, func(context.Context, any) (any, error) {
			return nil, status.Error(code, "")
		})
		if status.Code(err) != code {
			t.Fatal(err)
		}
	}
	err = in.StreamServerInterceptor()(struct{}{}, stream{ctx: t.Context()}, &grpc.StreamServerInfo{FullMethod: "/a/s"}, func(any, grpc.ServerStream) error { return errors.New("broken") })
	if err == nil {
		t.Fatal("the stream's error is lost")
	}
	gauges := sim.Gauges{OpenSettlements: 1, OpenTransfers: 2, PendingApprovals: 3, OpenBreaks: 4, ActiveFaults: 5}
	in.SetGauges(gauges)
	v := in.Vitals()
	if v.Requests != 11 || v.Failed != 4 || v.Gauges != gauges {
		t.Errorf("got %+v", v)
	}
	var answered uint64
	for _, n := range v.Answered {
		answered += n
	}
	if answered != 9 { // without the streams
		t.Errorf("%d answers were timed", answered)
	}
}

func TestQuantilesAreOfWhatCameSince(t *testing.T) {
	t.Parallel()
	var before, now obs.Latencies
	before[12] = 1000 // all of them too slow, and long ago
	now = before
	if took, found := now.Quantile(before, .99); found {
		t.Errorf("%s of nothing", took)
	}
	now[1] = 98 // up to 1 ms
	now[7] = 2  // above 50 ms, up to 100 ms
	if took, _ := now.Quantile(before, .5); took < 500*time.Microsecond || took > time.Millisecond {
		t.Errorf("the median is %s", took)
	}
	if took, _ := now.Quantile(before, .99); took != 75*time.Millisecond {
		t.Errorf("p99 is %s", took)
	}
	now[12]++
	if took, _ := now.Quantile(before, 1); took != 5*time.Second {
		t.Errorf("the most is %s", took)
	}
}

// stream is a server's stream that nothing comes through.
type stream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s stream) Context() context.Context { return s.ctx }
