package grpcapi

import (
	"context"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// steady begins the methods that go on whatever goes wrong on purpose: by some
// of them faults are taken away again.
var steady = []string{
	healthPrefix, reflectionPrefix,
	"/" + pb.ClockService_ServiceDesc.ServiceName + "/", "/" + pb.ChaosService_ServiceDesc.ServiceName + "/",
}

// disturb does what goes wrong on purpose with a call, and returns the status
// with which it is to be answered then.
func (s *Server) disturb(ctx context.Context, method string) error {
	for _, prefix := range steady {
		if strings.HasPrefix(method, prefix) {
			return nil
		}
	}
	fault := s.options.Custodian.FaceFault(sim.FaceGRPC)
	if fault.Latency > 0 {
		wait := time.NewTimer(fault.Latency)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-ctx.Done():
			return status.FromContextError(ctx.Err()).Err()
		}
	}
	if fault.Err == nil {
		return nil
	}
	refused := refusalStatus(fault.Err)
	var code codes.Code
	if fault.GRPCCode != "" && code.UnmarshalJSON([]byte(strconv.Quote(fault.GRPCCode))) == nil {
		answered := refused.Proto()
		answered.Code = int32(code)
		return status.FromProto(answered).Err()
	}
	return refused.Err()
}
