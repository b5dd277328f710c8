package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
)

// windowStep is how many bytes of answers are read before the server is told so.
// It starts with room for 64 KiB.
const windowStep = 16 << 10

// grpcConn is a connection on which unary calls are made one after the other. It
// speaks HTTP/2 by hand, for the same reason as httpDeposits: with the library's
// client the load takes more of the processors than the server that it measures.
type grpcConn struct {
	conn     net.Conn
	framer   *http2.Framer
	out      bytes.Buffer // frames of a request, to be sent with one write
	encoder  *hpack.Encoder
	headers  bytes.Buffer
	decoder  *hpack.Decoder
	address  string
	stream   uint32
	consumed uint32
	status   string
	message  string
}

func dialGRPC(ctx context.Context, address string) (*grpcConn, error) {
	var dialer net.Dialer
	conn, err := dialer.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	g := &grpcConn{conn: conn, address: address, stream: 1}
	g.framer = http2.NewFramer(&g.out, bufio.NewReader(conn))
	g.framer.SetReuseFrames()
	g.encoder = hpack.NewEncoder(&g.headers)
	g.decoder = hpack.NewDecoder(4096, func(f hpack.HeaderField) {
		switch f.Name {
		case "grpc-status":
			g.status = f.Value
		case "grpc-message":
			g.message = f.Value
		}
	})
	g.out.WriteString(http2.ClientPreface)
	if err := errors.Join(g.framer.WriteSettings(), g.flush()); err != nil {
		_ = conn.Close() // nothing was asked
		return nil, err
	}
	return g, nil
}

func (g *grpcConn) flush() error {
	_, err := g.conn.Write(g.out.Bytes())
	g.out.Reset()
	return err
}

// call makes a unary call with a message that is framed already, and waits for
// its status. The answer is thrown away.
func (g *grpcConn) call(method string, message []byte) error {
	g.headers.Reset()
	for _, f := range []hpack.HeaderField{
		{Name: ":method", Value: "POST"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: method}, {Name: ":authority", Value: g.address},
		{Name: "content-type", Value: "application/grpc"}, {Name: "te", Value: "trailers"},
	} {
		if err := g.encoder.WriteField(f); err != nil {
			return err
		}
	}
	if err := g.framer.WriteHeaders(http2.HeadersFrameParam{StreamID: g.stream, BlockFragment: g.headers.Bytes(), EndHeaders: true}); err != nil {
		return err
	}
	if err := errors.Join(g.framer.WriteData(g.stream, true, message), g.flush()); err != nil {
		return err
	}
	g.status, g.message = "", ""
	if err := g.answer(); err != nil {
		return err
	}
	g.stream += 2
	if g.status != "0" {
		return fmt.Errorf("grpc-status %q: %s", g.status, g.message)
	}
	return nil
}

// answer reads to the end of the stream.
func (g *grpcConn) answer() error {
	for {
		frame, err := g.framer.ReadFrame()
		if err != nil {
			return err
		}
		switch f := frame.(type) {
		case *http2.HeadersFrame:
			if _, err := g.decoder.Write(f.HeaderBlockFragment()); err != nil || !f.HeadersEnded() {
				return fmt.Errorf("headers that cannot be read: %w", err)
			}
			if f.StreamEnded() {
				return nil
			}
		case *http2.DataFrame:
			if g.consumed += f.Length; g.consumed >= windowStep {
				err = g.framer.WriteWindowUpdate(0, g.consumed)
				g.consumed = 0
			}
		case *http2.SettingsFrame:
			if !f.IsAck() {
				err = g.framer.WriteSettingsAck()
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				err = g.framer.WritePing(true, f.Data)
			}
		case *http2.GoAwayFrame, *http2.RSTStreamFrame:
			return fmt.Errorf("the server sent %s", frame.Header())
		}
		if err != nil {
			return err
		}
		if g.out.Len() > 0 { // not worth a write of its own while others follow
			if _, isData := frame.(*http2.DataFrame); !isData {
				if err := g.flush(); err != nil {
					return err
				}
			}
		}
	}
}

// appendMessage appends a message as gRPC frames it, uncompressed.
func appendMessage(dst []byte, m proto.Message) ([]byte, error) {
	start := len(dst)
	dst, err := proto.MarshalOptions{}.MarshalAppend(append(dst, 0, 0, 0, 0, 0), m)
	if err != nil {
		return nil, err
	}
	binary.BigEndian.PutUint32(dst[start+1:], uint32(len(dst)-start-5))
	return dst, nil
}

// grpcDeposits does the same as httpDeposits over one gRPC connection each.
func grpcDeposits(address, run string) connector {
	return func(ctx context.Context) (call, func(), error) {
		conn, err := dialGRPC(ctx, address)
		if err != nil {
			return nil, nil, err
		}
		var message []byte
		create := func(_ context.Context, n uint64) error {
			var err error
			message, err = appendMessage(message[:0], &custodianpb.CreateSettlementRequest{
				SettlementType: "DEPOSIT", AccountId: fmt.Sprintf("account-%d", n%100), Symbol: "BTC", Quantity: "0.25",
				ExternalId: fmt.Sprintf("%s-%d", run, n),
			})
			if err != nil {
				return err
			}
			return conn.call(custodianpb.SettlementService_CreateSettlement_FullMethodName, message)
		}
		return create, func() { _ = conn.conn.Close() }, nil
	}
}
