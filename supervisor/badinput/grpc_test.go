package badinput

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "google.golang.org/grpc/health/grpc_health_v1"

	_ "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// methods are all methods of the services that an instance has.
var methods = sync.OnceValue(func() (all []protoreflect.MethodDescriptor) {
	protoregistry.GlobalFiles.RangeFiles(func(f protoreflect.FileDescriptor) bool {
		if f.Package() != "custodian" && f.Package() != "grpc.health.v1" {
			return true
		}
		for i := range f.Services().Len() {
			s := f.Services().Get(i)
			for j := range s.Methods().Len() {
				all = append(all, s.Methods().Get(j))
			}
		}
		return true
	})
	slices.SortFunc(all, func(a, b protoreflect.MethodDescriptor) int {
		return strings.Compare(string(a.FullName()), string(b.FullName()))
	})
	return all
})

// refusals are the codes with which a call may be refused.
var refusals = []codes.Code{
	codes.InvalidArgument, codes.NotFound, codes.AlreadyExists, codes.FailedPrecondition, codes.ResourceExhausted, codes.OutOfRange,
}

// glance is how long a stream is looked at.
const glance = 30 * time.Millisecond

// call sends a message made from the descriptors.
func (r *round) call(t *target) {
	r.Helper()
	t.mode = r.mode()
	m := pick(r.dice, methods())
	if slow := m.Name() == "AdvanceClock" || m.Name() == "SetClock" || m.IsStreamingServer(); slow && !r.dice.in(8) {
		return
	}
	var request []byte
	if t.mode == valid && r.dice.in(2) {
		request = t.recipeMessage(m)
	}
	if request == nil {
		request = t.wire(m.Input())
	}
	header := metadata.MD{}
	if r.dice.in(4) {
		h := t.header(parameter{name: "Idempotency-Key"})
		if printable(h[1]) {
			header.Set("idempotency-key", h[1])
		}
	}
	r.sent++
	name := "/" + string(m.Parent().FullName()) + "/" + string(m.Name())
	ctx, cancel := context.WithTimeout(metadata.NewOutgoingContext(context.Background(), header), patience)
	defer cancel()
	var answers [][]byte
	var err error
	if m.IsStreamingServer() {
		answers, err = watch(ctx, t.grpc, name, request)
	} else {
		var a raw
		err = t.grpc.Invoke(ctx, name, &raw{request}, &a, grpc.ForceCodecV2(rawCodec{}))
		answers = append(answers, a.data)
	}
	if err == nil {
		for _, a := range answers {
			err = errors.Join(err, r.checkMessage(t, m.Output(), a))
		}
		r.accepted[name]++
		if m.Parent().Name() == "ChaosService" {
			t.suffer(string(request))
		}
	} else {
		err = checkStatus(status.Convert(err))
	}
	if err != nil {
		r.find("%s: %v\nmode %s, headers %v, message %s\n%s", name, err, t.mode, header, cut([]byte(hex.EncodeToString(request))), t.grpcurl(m, request))
	}
}

// watch reads from a stream for a glance.
func watch(ctx context.Context, conn *grpc.ClientConn, name string, request []byte) (answers [][]byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, glance)
	defer cancel()
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, name, grpc.ForceCodecV2(rawCodec{}))
	if err == nil {
		err = stream.SendMsg(&raw{request})
	}
	if err == nil || errors.Is(err, io.EOF) {
		_ = stream.CloseSend() // its error is that of the stream
	}
	for err == nil {
		var a raw
		if err = stream.RecvMsg(&a); err == nil {
			if answers = append(answers, a.data); len(answers) > 20 {
				return answers, nil
			}
		}
	}
	if ended := []codes.Code{codes.DeadlineExceeded, codes.Canceled}; slices.Contains(ended, status.Code(err)) || errors.Is(err, io.EOF) {
		err = nil // looked at long enough
	}
	return answers, err
}

// checkMessage holds an answer against its descriptor.
func (r *round) checkMessage(t *target, of protoreflect.MessageDescriptor, data []byte) error {
	m := dynamicpb.NewMessage(of)
	if err := proto.Unmarshal(data, m); err != nil {
		return fmt.Errorf("the answer is no %s: %w", of.FullName(), err)
	}
	if len(m.GetUnknown()) > 0 {
		return fmt.Errorf("the answer has fields that %s does not have", of.FullName())
	}
	text, err := protojson.Marshal(m)
	if err != nil {
		return err
	}
	t.pool.learnJSON(r.dice, string(m.Descriptor().FullName()), text)
	return nil
}

// checkStatus returns what is wrong with a refusal.
func checkStatus(s *status.Status) error {
	var info *errdetails.ErrorInfo
	for _, detail := range s.Details() {
		if i, ok := detail.(*errdetails.ErrorInfo); ok {
			info = i
		}
	}
	switch {
	case info == nil && slices.Contains([]codes.Code{codes.Unimplemented, codes.NotFound}, s.Code()):
		return nil // health of what is not there, and what gRPC itself answers
	case info == nil && strings.HasPrefix(s.Message(), "grpc: received message larger than max"):
		return nil // gRPC says so before the program sees it
	case info == nil:
		return fmt.Errorf("refused with %v %q without details", s.Code(), s.Message())
	case slices.Contains(onPurpose, info.GetReason()) || slices.Contains(refusals, s.Code()):
		return nil
	}
	return fmt.Errorf("refused with %v %q, %v", s.Code(), s.Message(), info)
}

// grpcurl returns a call as a command, if there is one for it.
func (t *target) grpcurl(m protoreflect.MethodDescriptor, request []byte) string {
	message := dynamicpb.NewMessage(m.Input())
	if proto.Unmarshal(request, message) != nil {
		return "(no message of grpcurl)"
	}
	text, err := protojson.Marshal(message)
	if err != nil {
		return "(no message of grpcurl)"
	}
	return fmt.Sprintf("grpcurl -plaintext -d %s %s %s/%s", quote(string(cut(text))), t.grpc.Target(), m.Parent().FullName(), m.Name())
}

// printable reports whether a text can be sent as metadata.
func printable(text string) bool {
	return !strings.ContainsFunc(text, func(c rune) bool { return c < ' ' || c > '~' })
}
