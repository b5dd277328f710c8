package grpcapi

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// What a stream has at hand, received and not answered: so many instructions, and as
// many again on the way to the engine, of so many bytes in all, which the stream
// takes of the instance's bound while it is open. Further ones wait at their sender.
const (
	ingestAtHand = 256
	ingestBytes  = 4 * heavyBytes
)

// instruction is one of a stream.
type instruction struct {
	request sim.Request
	refusal error // why it does not get to the engine
	size    int64 // in bytes
}

// ingest is a stream of instructions under way.
type ingest struct {
	*settlementService
	sending
	stream grpc.BidiStreamingServer[pb.StreamSettlementsRequest, pb.StreamSettlementsResponse]
	atHand chan instruction

	held     atomic.Int64  // bytes at hand
	answered chan struct{} // told when there are fewer
}

// StreamSettlements records instructions as they come, each on its own, and
// answers them in order.
func (s *settlementService) StreamSettlements(stream grpc.BidiStreamingServer[pb.StreamSettlementsRequest, pb.StreamSettlementsResponse]) error {
	if refusal := s.bounds.Reserve(ingestBytes); refusal != nil {
		return refusal
	}
	defer s.bounds.Adjust(-ingestBytes)
	// Headers tell the client that it is let in, even before it sends anything.
	if err := stream.SendHeader(nil); err != nil {
		return err
	}
	i := &ingest{settlementService: s, stream: stream, atHand: make(chan instruction, ingestAtHand), answered: make(chan struct{}, 1)}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	return s.patiently(&i.sending, "read the answers faster, and send what has none again with its idempotency_key", func() error {
		defer cancel() // the receiver ends with it
		return i.run(ctx)
	})
}

// run answers instructions until the client sends no more, or until ctx ends. Those
// that it has then are answered all the same; what is still at hand is not recorded.
func (i *ingest) run(ctx context.Context) error {
	ended := make(chan error, 1)
	guard.Go(part, nil, func() { ended <- guard.Run(part, func() error { return i.receive(ctx) }) })
	var batch []instruction
	for {
		batch = batch[:0]
		select {
		case next, more := <-i.atHand:
			if !more {
				err := <-ended
				if p, ok := errors.AsType[*guard.Panic](err); ok {
					panic(p)
				}
				return err
			}
			batch = append(batch, next)
		case <-ctx.Done():
			return ctx.Err()
		}
		for more := true; more && len(batch) < ingestAtHand; {
			select {
			case next, open := <-i.atHand:
				if more = open; open {
					batch = append(batch, next)
				}
			default:
				more = false
			}
		}
		if err := i.answer(context.WithoutCancel(ctx), batch); err != nil {
			return err
		}
	}
}

// receive takes instructions in until the client sends no more.
func (i *ingest) receive(ctx context.Context) error {
	defer close(i.atHand)
	for {
		req, err := i.stream.Recv()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := i.lane.Begin(ctx); err != nil {
			return err
		}
		next := readInstruction(req)
		for i.held.Load()+next.size > ingestBytes {
			select {
			case <-i.answered:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		i.held.Add(next.size)
		select {
		case i.atHand <- next:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// readInstruction makes a request of a message.
func readInstruction(req *pb.StreamSettlementsRequest) instruction {
	var in input
	size := proto.Size(req)
	if size > heavyBytes {
		return instruction{refusal: &sim.Error{Code: sim.CodeTooLarge, Message: fmt.Sprintf(
			"an instruction of a stream must have at most %d bytes; send it by itself", heavyBytes)}}
	}
	if req.GetSettlement() == nil {
		in.fail("settlement", "is required")
		return instruction{refusal: in.err}
	}
	if key := req.GetIdempotencyKey(); key != "" {
		if err := sim.CheckIdempotencyKey(key); err != nil {
			if e, ok := errors.AsType[*sim.Error](err); ok {
				err = sim.Invalid("idempotency_key", "%s", e.Message)
			}
			return instruction{refusal: err}
		}
	}
	command := instruct(&in, req.GetSettlement())
	if in.err != nil {
		return instruction{refusal: in.err}
	}
	return instruction{request: sim.Request{Command: command, IdempotencyKey: req.GetIdempotencyKey()}, size: int64(size)}
}

// answer has the custodian carry out instructions and sends the answers.
func (i *ingest) answer(ctx context.Context, batch []instruction) error {
	// Together they are one request, as they would be in one CreateSettlements.
	refusal := i.bounds.Request()
	if refusal == nil {
		defer i.bounds.RequestDone()
	}
	requests := make([]sim.Request, 0, len(batch))
	size := int64(0)
	for n := range batch {
		if refusal != nil && batch[n].refusal == nil {
			batch[n].refusal = refusal
		}
		size += batch[n].size
		if batch[n].refusal == nil {
			requests = append(requests, batch[n].request)
		}
	}
	answers := i.custodian.DoAll(ctx, requests)
	i.held.Add(-size)
	select {
	case i.answered <- struct{}{}:
	default:
	}
	for n := range batch {
		var result *pb.SettlementResult
		if batch[n].refusal != nil {
			result = i.refused(batch[n].refusal)
		} else {
			result = i.resultOf(&answers[0])
			answers = answers[1:]
		}
		err := i.send(func() error { return i.stream.Send(&pb.StreamSettlementsResponse{Result: result}) })
		if err != nil {
			return err
		}
	}
	return nil
}

// resultOf is the answer to one of many instructions.
func (s *settlementService) resultOf(a *engine.Answer) *pb.SettlementResult {
	switch {
	case a.Err != nil:
		return s.refused(a.Err)
	case a.Result.Settlement == nil:
		return s.refused(errAnswer)
	default:
		return &pb.SettlementResult{
			Outcome:  &pb.SettlementResult_Settlement{Settlement: s.shapes.settlement(a.Result.Settlement)},
			Replayed: a.Result.Replayed,
		}
	}
}
