// Package overgrpc plays scenarios against the gRPC face of a custodian.
//
// A table says which method stands for each operation of the HTTP face. Requests
// become messages and messages become answers by the names of their fields,
// which are the same in both; the status of a refusal becomes the problem that
// HTTP answers. So one script can be held against both faces and must meet the
// same answers.
package overgrpc

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi/byname"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/scenario"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// Client plays requests over a gRPC connection. It is safe for concurrent use.
type Client struct{ Conn grpc.ClientConnInterface }

var _ scenario.Custodian = (*Client)(nil)

// Do implements [scenario.Custodian].
func (c *Client) Do(ctx context.Context, method, path string, headers map[string]string, body []byte) (int, []byte, error) {
	path, query, _ := strings.Cut(path, "?")
	op, parameters, known := find(method, path)
	if op == nil {
		if known {
			return refused(problem.New(http.StatusMethodNotAllowed, problem.CodeMethodNotAllowed, "this path does not know the method "+method))
		}
		return refused(problem.New(http.StatusNotFound, string(sim.CodeNotFound), "there is nothing at this path; /openapi.json lists what there is"))
	}
	request, response, err := op.messages()
	if err != nil {
		return 0, nil, err
	}
	if err := op.fill(request, parameters, query, body); err != nil {
		return refused(err)
	}
	for name, value := range headers {
		switch name := strings.ToLower(name); name {
		case "idempotency-key", "authorization", "x-api-key":
			ctx = metadata.AppendToOutgoingContext(ctx, name, value)
		}
	}
	if err := c.Conn.Invoke(ctx, "/custodian."+op.rpc, request, response); err != nil {
		if ctx.Err() != nil {
			return 0, nil, ctx.Err()
		}
		return refusal(err)
	}
	if op.status == none {
		return none, nil, nil
	}
	if op.render == nil {
		return op.status, byname.Append(nil, response, op.shape), nil
	}
	answer, err := op.render(ctx, c, request, response)
	return op.status, answer, err
}

// find returns the operation and the parameters of its path, and whether the
// path is known at all. Paths without parameters come first.
func find(method, path string) (found *operation, parameters map[string]string, known bool) {
	steps := strings.Split(path, "/")
	for i := range table {
		op := &table[i]
		values, ok := match(op.path, steps)
		if !ok {
			continue
		}
		known = true
		if op.method == method && (found == nil || len(values) < len(parameters)) {
			found, parameters = op, values
		}
	}
	return found, parameters, known
}

func match(pattern string, steps []string) (map[string]string, bool) {
	parts := strings.Split(pattern, "/")
	if len(parts) != len(steps) {
		return nil, false
	}
	values := map[string]string{}
	for i, part := range parts {
		if !strings.HasPrefix(part, "{") {
			if part != steps[i] {
				return nil, false
			}
			continue
		}
		value, err := url.PathUnescape(steps[i])
		if err != nil || value == "" {
			return nil, false
		}
		values[strings.Trim(part, "{}")] = value
	}
	return values, true
}

// messages returns an empty request and an empty response of the method.
func (op *operation) messages() (request, response proto.Message, err error) {
	name := protoreflect.FullName("custodian." + strings.Replace(op.rpc, "/", ".", 1))
	descriptor, err := protoregistry.GlobalFiles.FindDescriptorByName(name)
	if err != nil {
		return nil, nil, err
	}
	method, ok := descriptor.(protoreflect.MethodDescriptor)
	if !ok {
		return nil, nil, fmt.Errorf("%s is no method", name)
	}
	in, err := protoregistry.GlobalTypes.FindMessageByName(method.Input().FullName())
	if err != nil {
		return nil, nil, err
	}
	out, err := protoregistry.GlobalTypes.FindMessageByName(method.Output().FullName())
	if err != nil {
		return nil, nil, err
	}
	return in.New().Interface(), out.New().Interface(), nil
}

// identified are the parameters that are ids which the custodian gave, with what
// they are ids of.
var identified = map[string]string{
	"settlement_id": "settlement", "transfer_id": "transfer", "position_id": "position", "balance_id": "balance",
}

// fill makes the request message.
func (op *operation) fill(request proto.Message, parameters map[string]string, query string, body []byte) error {
	fields := request.ProtoReflect().Descriptor().Fields()
	if message, ok := request.(*pb.ReceiveMessageRequest); ok {
		message.Content = body
		return nil
	}
	if len(body) > 0 {
		if err := op.fillBody(request, body); err != nil {
			return err
		}
	} else if op.needsBody(fields, parameters) {
		return problem.New(http.StatusBadRequest, string(sim.CodeMalformed), "a JSON object is needed as the body of the request")
	}
	if err := op.fillQuery(request, query); err != nil {
		return err
	}
	for name, value := range parameters {
		if noun, ok := identified[name]; ok {
			if _, err := uuid.Parse(value); err != nil || len(value) != len(uuid.UUID{}.String()) {
				return &sim.Error{Code: sim.CodeNotFound, Field: name, Message: noun + " " + strconv.Quote(value) + " does not exist: ids are UUIDs, as answers show them"}
			}
		}
		setText(request, name, value)
	}
	for name, value := range op.fixed {
		setText(request, name, value)
	}
	return nil
}

func setText(m proto.Message, name, value string) {
	r := m.ProtoReflect()
	if field := r.Descriptor().Fields().ByName(protoreflect.Name(name)); field != nil {
		r.Set(field, protoreflect.ValueOfString(value))
	}
}

// needsBody reports whether HTTP insists on a body: where more is to be said
// than the path says, but for what may be left out as a whole.
func (op *operation) needsBody(fields protoreflect.FieldDescriptors, parameters map[string]string) bool {
	switch {
	case op.method == get || op.method == remove, strings.HasSuffix(op.path, "/reverse"), strings.HasSuffix(op.path, "/resend"):
		return false
	}
	return fields.Len() > len(parameters)
}

func (op *operation) fillBody(request proto.Message, body []byte) error {
	if err := strictjson.Check(body); err != nil {
		return err
	}
	object, err := op.rename(body)
	if err != nil {
		return err
	}
	return byname.Fill(request, object, false)
}

// rename gives members the names that messages have for them. In a change, null
// is no value for any.
func (op *operation) rename(body []byte) ([]byte, error) {
	if len(op.renamed) == 0 && op.method != patch {
		return body, nil
	}
	members, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	out := []byte{'{'}
	for i, m := range members {
		if op.method == patch && string(m.value) == "null" {
			return nil, problem.Invalid(m.name, "cannot become null; leave it out to keep it as it is")
		}
		if other, ok := op.renamed[m.name]; ok {
			m.name = other
		}
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(jsontext.AppendString(out, m.name), ':'), m.value...)
	}
	return append(out, '}'), nil
}

// refused is the answer to a request that was not even sent.
func refused(err error) (int, []byte, error) {
	p := problem.Of(err)
	return p.Status, p.Append(nil), nil
}

// errNoAnswer is not returned to players; it marks answers that lack something.
var errNoAnswer = errors.New("the answer is incomplete")
