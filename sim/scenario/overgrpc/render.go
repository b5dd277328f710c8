package overgrpc

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi/byname"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view/jsontext"
)

// renderer puts an answer together.
type renderer func(ctx context.Context, c *Client, _, response proto.Message) ([]byte, error)

type member struct {
	name  string
	value json.RawMessage
}

// membersOf returns the members of a JSON object in their order.
func membersOf(object []byte) ([]member, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if start, err := d.Token(); err != nil || start != json.Delim('{') {
		return nil, &strictjson.Error{Detail: "must be a JSON object"}
	}
	var out []member
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, err
		}
		m := member{name: name.(string)} //nolint:forcetypeassert // names are text
		if err := d.Decode(&m.value); err != nil {
			return nil, err
		}
		out = append(out, m)
	}
	return out, nil
}

// paging are the parameters that messages call otherwise.
var paging = map[string]string{"limit": "page_size", "cursor": "page_token"}

// fillQuery sets the fields that the parameters of a query name.
func (op *operation) fillQuery(request proto.Message, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return problem.New(400, string(sim.CodeMalformed), "the query is malformed: "+err.Error())
	}
	if _, ok := request.(*pb.ListEventsRequest); ok && values.Has("cursor") {
		after, err := base64.RawURLEncoding.Strict().DecodeString(values.Get("cursor"))
		if err != nil || values.Has("after") {
			return problem.Invalid("cursor", "is not a cursor of this list; take it from next_cursor, or leave it out to begin at the start")
		}
		values.Del("cursor")
		values.Set("after", string(after))
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	fields := request.ProtoReflect().Descriptor().Fields()
	object := []byte{'{'}
	for i, name := range names {
		given := values.Get(name)
		switch {
		case len(values[name]) > 1:
			return problem.Invalid(name, "is given more than once")
		case given == "":
			return problem.Invalid(name, "is empty; give a value or leave it out")
		}
		field := fieldOf(fields, op, name)
		if field == nil || op.method != get {
			return strictjson.Unknown(name, "query parameter", nil)
		}
		if i > 0 {
			object = append(object, ',')
		}
		object = append(jsontext.AppendString(object, string(field.Name())), ':')
		switch field.Kind() {
		case protoreflect.Int32Kind, protoreflect.Uint64Kind:
			n, err := strconv.ParseInt(given, 10, 64)
			if err != nil || n < 0 || name == "limit" && n == 0 {
				return problem.Invalid(name, "must be a whole number that is not negative")
			}
			object = strconv.AppendInt(object, n, 10)
		default:
			object = jsontext.AppendString(object, given)
		}
	}
	return byname.Fill(request, append(object, '}'), false)
}

func fieldOf(fields protoreflect.FieldDescriptors, op *operation, name string) protoreflect.FieldDescriptor {
	if other, ok := op.renamed[name]; ok {
		name = other
	}
	if field := fields.ByName(protoreflect.Name(name)); field != nil {
		return field
	}
	return fields.ByName(protoreflect.Name(paging[name]))
}

// httpNames are the fields that HTTP calls otherwise.
var httpNames = map[string]string{"page_token": "cursor", "page_size": "limit", "idempotency-key": "Idempotency-Key"}

// refusal returns the problem that HTTP answers for the status of an error.
func refusal(err error) (int, []byte, error) {
	st, ok := status.FromError(err)
	if !ok {
		return 0, nil, err
	}
	refused := &sim.Error{Message: st.Message()}
	for _, detail := range st.Details() {
		switch d := detail.(type) {
		case *errdetails.ErrorInfo:
			refused.Code, refused.Field = sim.Code(d.GetReason()), d.GetMetadata()["field"]
		case *errdetails.RetryInfo:
			refused.RetryAfter = d.GetRetryDelay().AsDuration()
		}
	}
	if refused.Code == "" {
		return 0, nil, err // not one of the custodian's own
	}
	refused.Message = strings.TrimPrefix(refused.Message, refused.Field+": ")
	if name, ok := httpNames[refused.Field]; ok {
		refused.Field = name
	}
	p := problem.Of(refused)
	return p.Status, p.Append(nil), nil
}

// renderContent answers with a document in a format of its own.
func renderContent(_ context.Context, _ *Client, _, response proto.Message) ([]byte, error) {
	content, ok := response.(*pb.Content)
	if !ok {
		return nil, errNoAnswer
	}
	return content.GetContent(), nil
}

// renderBulk answers with what became of many instructions.
func renderBulk(_ context.Context, _ *Client, _, response proto.Message) ([]byte, error) {
	results, ok := response.(*pb.CreateSettlementsResponse)
	if !ok {
		return nil, errNoAnswer
	}
	out := []byte(`{"results":[`)
	for i, r := range results.GetResults() {
		if i > 0 {
			out = append(out, ',')
		}
		if e := r.GetError(); e != nil {
			p := problem.Of(&sim.Error{Code: sim.Code(e.GetCode()), Field: e.GetField(), Message: e.GetMessage(), RetryAfter: e.GetRetryAfter().AsDuration()})
			out = strconv.AppendInt(append(out, `{"status":`...), int64(p.Status), 10)
			out = append(p.Append(append(out, `,"error":`...)), '}')
			continue
		}
		out = strconv.AppendBool(append(out, `{"status":201,"replayed":`...), r.GetReplayed())
		out = append(byname.Append(append(out, `,"settlement":`...), r.GetSettlement(), settlement), '}')
	}
	return append(out, `]}`...), nil
}

// renderEvents answers with a page of events. Unlike HTTP, the method does not
// say whether there are more, so it is asked again for one.
func renderEvents(ctx context.Context, c *Client, _, response proto.Message) ([]byte, error) {
	page, ok := response.(*pb.ListEventsResponse)
	if !ok {
		return nil, errNoAnswer
	}
	out := []byte(`{"events":[`)
	for i, e := range page.GetEvents() {
		if i > 0 {
			out = append(out, ',')
		}
		out = appendEvent(out, e)
	}
	out = append(out, `],"next_cursor":`...)
	if len(page.GetEvents()) > 0 {
		more, err := pb.NewReportingServiceClient(c.Conn).ListEvents(ctx, &pb.ListEventsRequest{After: page.GetNextAfter(), PageSize: 1})
		if err != nil {
			return nil, err
		}
		if len(more.GetEvents()) > 0 {
			key := strconv.AppendUint(nil, page.GetNextAfter(), 10)
			return append(base64.RawURLEncoding.AppendEncode(append(out, '"'), key), `"}`...), nil
		}
	}
	return append(out, `null}`...), nil
}

func appendEvent(out []byte, e *pb.Event) []byte {
	out = strconv.AppendUint(append(out, `{"sequence":`...), e.GetSequence(), 10)
	out = jsontext.AppendString(append(out, `,"type":`...), e.GetType())
	out = jsontext.AppendTime(append(out, `,"time":`...), e.GetTime().AsTime())
	out = append(out, `,"data":`...)
	record := func(m proto.Message, shape reflect.Type) []byte { return byname.Append(out, m, shape) }
	switch d := e.GetData().(type) {
	case *pb.Event_Account:
		out = record(d.Account, account)
	case *pb.Event_Position:
		out = record(d.Position, position)
	case *pb.Event_Balance:
		out = record(d.Balance, balance)
	case *pb.Event_Settlement:
		out = record(d.Settlement, settlement)
	case *pb.Event_Transfer:
		out = record(d.Transfer, transfer)
	case *pb.Event_Document:
		out = append(out, d.Document...)
	default:
		out = append(out, "{}"...)
	}
	for i, s := range e.GetAlso() {
		switch {
		case i > 0:
			out = append(out, ',')
		case out[len(out)-2] == '{':
			out = append(out[:len(out)-1], `"also":[`...)
		default:
			out = append(out[:len(out)-1], `,"also":[`...)
		}
		out = byname.Append(out, s, settlement)
	}
	if len(e.GetAlso()) > 0 {
		out = append(out, `]}`...)
	}
	return append(jsontext.AppendString(append(out, `,"hash":`...), e.GetHash()), '}')
}
