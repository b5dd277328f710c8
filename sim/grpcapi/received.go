package grpcapi

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync/atomic"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
)

// incoming is a request as [codec] reads it.
type incoming struct {
	message  any
	err      error      // why it cannot be read
	over     *sim.Error // why it is not read: there is no room for it
	refused  error      // why it was not read
	reserved int        // bytes, of the instance's bound
}

// release gives back what the request took of the instance's bound.
func (in *incoming) release(b *bounds.Bounds) {
	if in.reserved > 0 {
		b.Adjust(-in.reserved)
	}
}

func (in *incoming) refusal() error {
	if in.over != nil {
		return in.over
	}
	if in.err == nil {
		return nil
	}
	return sim.Errorf(sim.CodeMalformed, "the request is not a message of this method: %v", in.err)
}

// codec is that of grpc, which ends a call whose request cannot be read with
// INTERNAL, as if the server were at fault, and past all interceptors. An
// [incoming] request takes the error along instead.
//
// Large messages count as bytes of the instance: requests until they are answered,
// answers until their readers have taken them.
//
// Messages are read and written around the interceptors, so panics are contained
// here.
type codec struct {
	encoding.CodecV2
	ctx       context.Context // the instance's
	bounds    *bounds.Bounds
	lane      *fair.Lane
	contained func(func() error) error
}

func newCodec(ctx context.Context, b *bounds.Bounds, l *fair.Lane, contained func(func() error) error) codec {
	return codec{encoding.GetCodecV2(proto.Name), ctx, b, l, contained}
}

// Marshal writes a message.
func (c codec) Marshal(v any) (out mem.BufferSlice, err error) {
	err = c.contained(func() (err error) {
		out, err = c.CodecV2.Marshal(v)
		return err
	})
	if n := out.Len(); err == nil && n > heavyBytes {
		data := out.Materialize()
		out.Free()
		out = mem.BufferSlice{mem.NewBuffer(&data, newSent(c.bounds, &data))}
	}
	return out, err
}

// sent counts a message until it has been written out. What is left over when a
// connection breaks, grpc forgets without a word; that counts until its memory is
// found to be unused.
type sent struct {
	bounds *bounds.Bounds
	bytes  int
	over   atomic.Bool
}

func newSent(b *bounds.Bounds, data *[]byte) *sent {
	s := &sent{bounds: b, bytes: len(*data)}
	b.Adjust(s.bytes)
	runtime.AddCleanup(data, (*sent).release, s)
	return s
}

func (s *sent) release() {
	if !s.over.Swap(true) {
		s.bounds.Adjust(-s.bytes)
	}
}

// Get implements [mem.BufferPool]; nothing is taken from it.
func (*sent) Get(n int) *[]byte {
	data := make([]byte, n)
	return &data
}

// Put implements [mem.BufferPool].
func (s *sent) Put(*[]byte) { s.release() }

// Unmarshal reads a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.contained(func() error {
		in, ok := v.(*incoming)
		if !ok {
			return c.CodecV2.Unmarshal(data, v)
		}
		if n := data.Len(); n > heavyBytes {
			if in.over = c.bounds.Reserve(n); in.over != nil {
				return nil
			}
			in.reserved = n
			turn, err := c.lane.Take(c.ctx)
			if err != nil {
				return err
			}
			defer turn.End()
		}
		in.err = c.CodecV2.Unmarshal(data, in.message)
		return nil
	})
}

// registrar registers services so that interceptors see every request, and one
// that cannot be read is refused as the caller's fault.
type registrar struct {
	*grpc.Server
	// admit returns why a call of a method is refused before its request is read.
	admit  func(ctx context.Context, method string) error
	bounds *bounds.Bounds
}

// RegisterService registers a service. It leaves the description alone, which
// servers share.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	d := *desc
	d.Methods, d.Streams = slices.Clone(desc.Methods), slices.Clone(desc.Streams)
	for i := range d.Methods {
		d.Methods[i].Handler = receiveUnary("/"+d.ServiceName+"/"+d.Methods[i].MethodName, r.admit, d.Methods[i].Handler, r.bounds)
	}
	for i := range d.Streams {
		handle := d.Streams[i].Handler
		d.Streams[i].Handler = func(service any, stream grpc.ServerStream) error {
			return handle(service, receivingStream{stream, r.bounds})
		}
	}
	r.Server.RegisterService(&d, service)
}

// receiveUnary has the interceptors around the refusal of a request. The server
// has interceptors at all times. What a caller who is not let in sends is not
// even read.
func receiveUnary(method string, admit func(context.Context, string) error, handle grpc.MethodHandler, b *bounds.Bounds) grpc.MethodHandler {
	return func(service any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var in incoming
		defer in.release(b)
		return handle(service, ctx, func(m any) error {
			if in.refused = admit(ctx, method); in.refused != nil {
				return nil
			}
			in.message = m
			err := decode(&in)
			if err != nil && errors.Is(ctx.Err(), context.DeadlineExceeded) {
				in.refused, err = errSlow, nil
			}
			return err
		}, func(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
			if in.refused != nil {
				ctx = refuse(ctx, in.refused)
			}
			if refusal := in.refusal(); refusal != nil {
				next = func(context.Context, any) (any, error) { return nil, refusal }
			}
			return intercept(ctx, req, info, next)
		})
	}
}

type receivingStream struct {
	grpc.ServerStream
	bounds *bounds.Bounds
}

func (s receivingStream) RecvMsg(m any) error {
	in := incoming{message: m}
	defer in.release(s.bounds)
	if err := s.ServerStream.RecvMsg(&in); err != nil {
		return err
	}
	return in.refusal()
}
