package grpcapi

import (
	"context"
	"errors"
	"log/slog"
	"reflect"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/bounds"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/fair"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi/byname"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

// face is what the services share. Their methods return the errors of the
// custodian as they are; the guards give them their status.
type face struct {
	custodian Custodian
	shapes    shapes
	encoder   *view.Encoder
	limits    Limits
	bounds    *bounds.Bounds
	lane      *fair.Lane
	onSlow    func()
	logger    *slog.Logger
}

// do carries out a command with the idempotency key that came with the call.
func (f *face) do(ctx context.Context, in *input, c sim.Command) (sim.Result, error) {
	if in.err != nil {
		return sim.Result{}, in.err
	}
	key, err := idempotencyKey(ctx)
	if err != nil {
		return sim.Result{}, err
	}
	result, err := f.custodian.Do(ctx, sim.Request{Command: c, IdempotencyKey: key})
	if err == nil && result.Replayed {
		err = markReplayed(ctx)
	}
	return result, err
}

func markReplayed(ctx context.Context) error {
	return grpc.SetHeader(ctx, metadata.Pairs(replayedHeader, "true"))
}

// errAnswer reports a result that lacks the record which its command is about.
var errAnswer = errors.New("the engine's answer lacks the record")

func (f *face) doAccount(ctx context.Context, in *input, c sim.Command) (*sim.Account, error) {
	r, err := f.do(ctx, in, c)
	if err == nil && r.Account == nil {
		err = errAnswer
	}
	return r.Account, err
}

func (f *face) doHolding(ctx context.Context, in *input, c sim.Command) (*sim.Holding, error) {
	r, err := f.do(ctx, in, c)
	if err == nil && r.Holding == nil {
		err = errAnswer
	}
	return r.Holding, err
}

func (f *face) doSettlement(ctx context.Context, in *input, c sim.Command) (*sim.Settlement, error) {
	r, err := f.do(ctx, in, c)
	if err == nil && r.Settlement == nil {
		err = errAnswer
	}
	return r.Settlement, err
}

// paged is what the requests of lists have in common.
type paged interface {
	GetPageSize() int32
	GetPageToken() string
}

// page asks for one record more than the page has, to know whether there is
// another page, and returns the token that asks for it.
func page[R any](f *face, in *input, req paged, list func(sim.Page) ([]R, error), cursor func(R) string) (records []R, next string, err error) {
	size := in.pageSize(req.GetPageSize(), f.limits.PageMax)
	after := in.cursor(req.GetPageToken())
	if in.err != nil {
		return nil, "", in.err
	}
	// The answer counts for itself once it is written, until it has been read.
	giveBack, err := f.reserve(size, recordBytes)
	if err != nil {
		return nil, "", err
	}
	defer giveBack()
	records, err = list(sim.Page{After: after, Limit: size + 1})
	if err != nil {
		return nil, "", err
	}
	if len(records) > size {
		records = records[:size]
		next = pageToken(cursor(records[size-1]))
	}
	return records, next, nil
}

// heavyRecords is how many records an answer may have, and heavyBytes how many
// bytes a message, before they are worked on in turns, see package fair.
const (
	heavyRecords = 100
	heavyBytes   = 64 << 10
)

// What records of answers are expected to take, in bytes.
const (
	recordBytes = 1 << 10
	lineBytes   = 512
)

// reserve takes on an answer of so many records, where they are many.
func (f *face) reserve(records, bytesEach int) (giveBack func(), err error) {
	if records <= heavyRecords {
		return func() {}, nil
	}
	n := records * bytesEach
	if err := f.bounds.Reserve(n); err != nil {
		return nil, err
	}
	return func() { f.bounds.Adjust(-n) }, nil
}

// messagesIn is messages, in a turn where there are many.
func messagesIn[R, M any](ctx context.Context, f *face, records []R, shape func(R) M) []M {
	if len(records) > heavyRecords {
		if turn, err := f.lane.Take(ctx); err == nil { // else nobody waits any more
			defer turn.End()
		}
	}
	return messages(records, shape)
}

// messages turns records into messages.
func messages[R, M any](records []R, shape func(R) M) []M {
	out := make([]M, len(records))
	for i, r := range records {
		out[i] = shape(r)
	}
	return out
}

// read reads those fields of a request that a struct of package request has, by
// their names and as HTTP reads a body.
func read(in *input, req proto.Message, into any) {
	if in.err != nil {
		return
	}
	members := membersOf(reflect.TypeOf(into).Elem())
	object := byname.AppendGiven(nil, req, func(name string) bool { return members[name] })
	err := strictjson.Check(object)
	if err == nil {
		_, err = strictjson.Decode(object, into)
	}
	in.err = inputError(err)
}

func membersOf(t reflect.Type) map[string]bool {
	members := make(map[string]bool, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		members[name] = true
	}
	return members
}

// inputError returns what is wrong with a request as a refusal.
func inputError(err error) error {
	if e, ok := errors.AsType[*strictjson.Error](err); ok {
		return sim.Invalid(e.Field, "%s", e.Detail)
	}
	return err
}

// answer fills a message with what HTTP would answer.
func answer[M proto.Message](m M, object []byte) (M, error) {
	if err := byname.Fill(m, object, true); err != nil {
		var none M
		return none, errors.Join(errAnswer, err)
	}
	return m, nil
}
