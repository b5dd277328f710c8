package grpcapi

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/encoding/proto"
	"google.golang.org/grpc/mem"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// incoming is a request as [codec] reads it.
type incoming struct {
	message any
	err     error // why it cannot be read
	refused error // why it was not read
}

func (in *incoming) refusal() error {
	if in.err == nil {
		return nil
	}
	return sim.Errorf(sim.CodeMalformed, "the request is not a message of this method: %v", in.err)
}

// codec is that of grpc, which ends a call whose request cannot be read with
// INTERNAL, as if the server were at fault, and past all interceptors. An
// [incoming] request takes the error along instead.
//
// Messages are read and written around the interceptors, so panics are contained
// here.
type codec struct {
	encoding.CodecV2
	contained func(func() error) error
}

func newCodec(contained func(func() error) error) codec {
	return codec{encoding.GetCodecV2(proto.Name), contained}
}

// Marshal writes a message.
func (c codec) Marshal(v any) (data mem.BufferSlice, err error) {
	err = c.contained(func() (err error) {
		data, err = c.CodecV2.Marshal(v)
		return err
	})
	return data, err
}

// Unmarshal reads a message.
func (c codec) Unmarshal(data mem.BufferSlice, v any) error {
	return c.contained(func() error {
		in, ok := v.(*incoming)
		if !ok {
			return c.CodecV2.Unmarshal(data, v)
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
	admit func(ctx context.Context, method string) error
}

// RegisterService registers a service. It leaves the description alone, which
// servers share.
func (r registrar) RegisterService(desc *grpc.ServiceDesc, service any) {
	d := *desc
	d.Methods, d.Streams = slices.Clone(desc.Methods), slices.Clone(desc.Streams)
	for i := range d.Methods {
		d.Methods[i].Handler = receiveUnary("/"+d.ServiceName+"/"+d.Methods[i].MethodName, r.admit, d.Methods[i].Handler)
	}
	for i := range d.Streams {
		handle := d.Streams[i].Handler
		d.Streams[i].Handler = func(service any, stream grpc.ServerStream) error {
			return handle(service, receivingStream{stream})
		}
	}
	r.Server.RegisterService(&d, service)
}

// receiveUnary has the interceptors around the refusal of a request. The server
// has interceptors at all times. What a caller who is not let in sends is not
// even read.
func receiveUnary(method string, admit func(context.Context, string) error, handle grpc.MethodHandler) grpc.MethodHandler {
	return func(service any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor) (any, error) {
		var in incoming
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

type receivingStream struct{ grpc.ServerStream }

func (s receivingStream) RecvMsg(m any) error {
	in := incoming{message: m}
	if err := s.ServerStream.RecvMsg(&in); err != nil {
		return err
	}
	return in.refusal()
}
