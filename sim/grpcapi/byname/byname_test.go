package byname_test

import (
	"encoding/json"
	"reflect"
	"testing"

	"google.golang.org/protobuf/proto"

	pb "github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/custodianpb"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/grpcapi/byname"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/view"
)

const transfer = `{"transfer_id":"t","external_id":null,"rail":"r","direction":"OUT","account_id":"a","symbol":"USD","quantity":"1.00",` +
	`"beneficiary":{"name":"n","account":null,"bank":null,"address":null,"network":null},"credit_account":null,"requested_by":"alice","status":"PENDING",` +
	`"stage":"SUBMITTED","reason":null,"reason_text":null,"approvals_required":2,"approvals":[{"by":"b","at":"2026-11-23T14:00:00.5Z","decision":"APPROVED"}],` +
	`"confirmations":0,"confirmations_required":0,"fee":"0.00","max_fee":"0.00","reserved":null,"in_transit":null,"pending_in":null,"reorganizations":0,` +
	`"returnable":false,"shortfall":null,"value_date":null,"initiated_at":"2026-11-23T14:00:00Z","completed_at":null,"expected_completion":null,` +
	`"expires_at":null,"next_action_at":null,"history":[{"at":"2026-11-23T14:00:00Z","status":"SUBMITTED","sequence":7}],"metadata":{"n":1.50}}`

func TestWhatFillsAMessageComesOutAgain(t *testing.T) {
	t.Parallel()
	var m pb.Transfer
	if err := byname.Fill(&m, []byte(transfer), false); err != nil {
		t.Fatal(err)
	}
	if m.GetMetadata() != `{"n":1.50}` || m.GetHistory()[0].GetSequence() != 7 || m.ExternalId != "" {
		t.Errorf("message = %v", &m)
	}
	if got := string(byname.Append(nil, &m, reflect.TypeFor[view.Transfer]())); got != transfer {
		t.Errorf("got\n%s\nwant\n%s", got, transfer)
	}
	if got := string(byname.AppendGiven(nil, &m, func(name string) bool { return name == "beneficiary" || name == "metadata" })); got != `{"beneficiary":{"name":"n"},"metadata":{"n":1.50}}` {
		t.Errorf("given: %s", got)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	t.Parallel()
	for object, field := range map[string]string{
		`{"rial":"x"}`: "rial", `{"rail":7,"direction":true}`: "direction", `{"beneficiary":{"nam":"x"}}`: "beneficiary.nam", `{"beneficiary":[]}`: "beneficiary.",
		`{"approvals":[{"at":"noon"}]}`: "approvals[0].at", `{"approvals":[null]}`: "approvals[0]", `{"approvals":{}}`: "approvals",
		`{"approvals_required":"x"}`: "approvals_required", `{"approvals_required":3000000000}`: "approvals_required", `{"returnable":"x"}`: "returnable",
		`{"metadata":[]}`: "metadata", `{"rail":"a","rail":"b"}`: "rail", `{"history":[{"sequence":-1}]}`: "history[0].sequence",
	} {
		err := byname.Fill(&pb.Transfer{}, []byte(object), false)
		if e, ok := err.(*strictjson.Error); !ok || e.Field != field { //nolint:errorlint // they are not wrapped
			t.Errorf("%s: %v, want an error on %s", object, err, field)
		}
	}
	if err := byname.Fill(&pb.Transfer{}, []byte(`{"rial":"x","rail":"y"}`), true); err != nil {
		t.Error(err)
	}
}

// FuzzFill fills messages with whatever is JSON: what is accepted comes out as
// JSON that fills the same message.
func FuzzFill(f *testing.F) {
	for _, seed := range []string{transfer, `{}`, `{"rail":5,"metadata":{"a":[1]}}`, `{"history":[{"postings":[{"debit":{"bucket":"x"}}]}]}`, `{"initiated_at":"0001-01-01T00:00:00Z"}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, object string) {
		if strictjson.Check([]byte(object)) != nil {
			return
		}
		var m, again pb.Transfer
		if byname.Fill(&m, []byte(object), false) != nil {
			return
		}
		given := byname.AppendGiven(nil, &m, nil)
		if !json.Valid(given) || !json.Valid(byname.Append(nil, &m, reflect.TypeFor[view.Transfer]())) && m.GetMetadata() != "" {
			t.Fatalf("%s became %s", object, given)
		}
		if err := byname.Fill(&again, given, false); err != nil || !proto.Equal(&m, &again) {
			t.Fatalf("%s became %s: %v", object, given, err)
		}
	})
}
