package badinput

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/dynamicpb"
)

// recipes are bodies that are likely to be accepted, by the ids of operations and
// the names of methods: chance alone seldom gets fields right that have to fit
// one another. NEW stands for an id that is new, BY for a person.
var recipes = map[string][]string{
	"openAccount CreateAccount":   {`{"account_id":"NEW"}`, `{"account_id":"NEW","client_id":"fund-a","account_type":"SEGREGATED"}`},
	"openPosition CreatePosition": {`{"account_id":"NEW","symbol":"AAPL","quantity":"10","currency":"USD"}`},
	"openBalance CreateBalance":   {`{"account_id":"NEW","currency":"USD","available_balance":"1000.00"}`},
	"instruct instructSettlement createSettlement initiateSettlement CreateSettlement": {
		`{"settlement_type":"DEPOSIT","account_id":"fund-a","symbol":"BTC","quantity":"1.25","external_id":"NEW"}`,
		`{"settlement_type":"WITHDRAWAL","account_id":"fund-a","symbol":"USD","quantity":"0.50"}`,
		`{"settlement_type":"TRANSFER","source_account":"fund-a","destination_account":"fund-b","symbol":"BTC","quantity":"1"}`,
		`{"settlement_type":"DVP","account_id":"pension-trust","symbol":"AAPL","quantity":"10","payment":{"currency":"USD","amount":"1900.00"},"counterparty_account":"fund-a","external_id":"NEW"}`,
		`{"settlement_type":"RVP","account_id":"fund-a","symbol":"AAPL","quantity":"10","payment":{"currency":"USD","amount":"1900.00"},"counterparty_account":"pension-trust","external_id":"NEW"}`,
		`{"settlement_type":"DFP","account_id":"pension-trust","symbol":"AAPL","quantity":"1","counterparty":{"name":"Elsewhere Inc","bic":"CHASUS33"},"hold":true}`,
	},
	"createTransfer initiateTransfer CreateTransfer": {
		`{"rail":"wire_domestic","direction":"OUT","account_id":"fund-a","symbol":"USD","quantity":"5000.00","requested_by":"alice","beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`,
		`{"rail":"wire_domestic","direction":"OUT","account_id":"fund-a","symbol":"USD","quantity":"12000.00","requested_by":"dan","external_id":"NEW","beneficiary":{"name":"Broker Ltd","account":"12345678","bank":"CHASUS33"}}`,
		`{"rail":"wire_domestic","direction":"IN","account_id":"fund-b","symbol":"USD","quantity":"10.00","external_id":"NEW"}`,
	},
	"approveTransfer ApproveTransfer":   {`{"by":"BY"}`},
	"rejectTransfer RejectTransfer":     {`{"by":"BY","reason":"no"}`},
	"advanceClock AdvanceClock":         {`{"by":"20m"}`, `{"by":"24h"}`, `{"by":"72h"}`, `{"to_next_event":true}`},
	"setClock SetClock":                 {`{"mode":"manual"}`, `{"mode":"real"}`, `{"mode":"scaled","factor":60}`},
	"addFaultRule addRule AddFaultRule": {`{"name":"late","effect":{"delay_s":60},"duration_s":100}`, `{"effect":{"reject":{"code":"LACK","reason":"r"}},"match":{"scope":"settlement","rate":"0.5"}}`},
	"announceCorporateAction AnnounceCorporateAction": {
		`{"id":"NEW","type":"CASH_DIVIDEND","symbol":"AAPL","record_date":"2026-11-24","payment_date":"2026-11-25","rate":"0.25","currency":"USD"}`,
		`{"id":"NEW","type":"CASH_DIVIDEND","symbol":"AAPL","record_date":"2026-12-01","payment_date":"2026-12-03","rate":"0.25","currency":"USD"}`,
		`{"id":"NEW","type":"SPLIT","symbol":"AAPL","record_date":"2026-12-08","payment_date":"2026-12-09","new_units":"3","old_units":"2"}`,
	},
	"addWebhook AddWebhook":       {`{"id":"NEW","url":"http://127.0.0.1:9/hook","events":["settlement.*"]}`},
	"resendWebhook ResendWebhook": {`{"from":1}`, `{"from_sequence":1}`},
	"add-instance":                {`{"name":"two"}`, `{"name":"three","profile":"global-custodian"}`, `{"name":"four","clock":{"mode":"manual"}}`},
	"updateAccount UpdateAccount": {`{"metadata":{"a":1}}`, `{"metadata":"{}"}`},
	"clone-instance":              {`{"name":"two"}`, `{"name":"three"}`},
	"put-config":                  {`{"instances":[]}`, `{"instances":[{"name":"two"}],"drained":["two"]}`},
}

// recipe returns a body for an operation or a method, or "" where there is none.
func (m *maker) recipe(name string) string {
	if name == "put-config" && m.desired != nil {
		return string(m.desired)
	}
	for _, key := range sortedKeys(recipes) {
		if slices.Contains(strings.Fields(key), name) {
			m.count++
			text := strings.ReplaceAll(pick(m.dice, recipes[key]), `"NEW"`, fmt.Sprintf(`"new-%d"`, m.count))
			return strings.ReplaceAll(text, `"BY"`, encode(pick(m.dice, persons)))
		}
	}
	return ""
}

// recipeMessage returns a message for a method by its recipe, with ids that there
// are, or nil.
func (m *maker) recipeMessage(method protoreflect.MethodDescriptor) []byte {
	text := m.recipe(string(method.Name()))
	if text == "" && !m.dice.in(2) {
		return nil
	}
	message := dynamicpb.NewMessage(method.Input())
	if method.Name() == "ReceiveMessage" {
		message.Set(method.Input().Fields().ByName("content"), protoreflect.ValueOfBytes([]byte(pick(m.dice, messages))))
	}
	if text != "" && (protojson.UnmarshalOptions{DiscardUnknown: true}).Unmarshal([]byte(text), message) != nil {
		return nil
	}
	for i := range method.Input().Fields().Len() {
		f := method.Input().Fields().Get(i)
		if f.Kind() == protoreflect.StringKind && strings.HasSuffix(string(f.Name()), "_id") && !f.IsList() && !message.Has(f) && text == "" || isPathID(method, f, message) {
			message.Set(f, protoreflect.ValueOfString(m.sensible(string(f.Name()))))
		}
	}
	data, err := proto.Marshal(message)
	if err != nil {
		return nil
	}
	return data
}

// isPathID reports whether a field is one that HTTP has in its path.
func isPathID(method protoreflect.MethodDescriptor, f protoreflect.FieldDescriptor, m *dynamicpb.Message) bool {
	return f.Number() == 1 && !f.IsList() && !m.Has(f) && strings.HasSuffix(string(f.Name()), "_id") && !strings.HasPrefix(string(method.Name()), "List")
}
