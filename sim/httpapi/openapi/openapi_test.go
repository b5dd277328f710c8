package openapi_test

import (
	"encoding/json"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
)

type thing struct {
	Name     string          `json:"name" doc:"Its name." maxLength:"5"`
	Note     *string         `json:"note"`
	Amount   openapi.Decimal `json:"amount,omitempty" doc:"How much."`
	Metadata json.RawMessage `json:"metadata,omitempty"`
}

func TestDocumentIsValidOpenAPI(t *testing.T) {
	t.Parallel()
	data, err := openapi.Build(openapi.Info{Title: "Things", Version: "1", BearerAuth: true, Tags: []openapi.Tag{{Name: "things"}}},
		[]openapi.Operation{
			{Method: "POST", Path: "/things/{thing_id}", ID: "put-thing", Tag: "things", Body: thing{}, BodyOptional: true,
				Query:    []openapi.Parameter{{Name: "wait", Type: true}, {Name: "kind", Enum: []string{"a", "b"}}},
				Headers:  []openapi.Parameter{{Name: "Idempotency-Key", Description: "A key."}},
				Answers:  []openapi.Answer{{Status: 201, Description: "Made.", Body: thing{}, Headers: map[string]string{"Location": "Where."}}},
				Problems: []int{401, 404, 422, 429, 503}},
			{Method: "GET", Path: "/things", ID: "list-things",
				Answers: []openapi.Answer{{Status: 200, Description: "All.", Body: []thing{}}, {Status: 200, MediaType: "text/event-stream"}}},
		})
	if err != nil {
		t.Fatal(err)
	}
	loader := openapi3.NewLoader()
	doc, err := loader.LoadFromData(data)
	if err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	if err := doc.Validate(loader.Context); err != nil {
		t.Fatalf("%v\n%s", err, data)
	}
	for status, header := range map[int]string{401: "WWW-Authenticate", 404: "", 429: "Retry-After", 503: "Retry-After"} {
		headers := doc.Paths.Find("/things/{thing_id}").Post.Responses.Status(status).Value.Headers
		if (headers[header] != nil) != (header != "") {
			t.Errorf("%d has the headers %v, want %q", status, headers, header)
		}
	}
	if told := *doc.Paths.Find("/things/{thing_id}").Post.Responses.Status(422).Value.Description; told != "Unprocessable Entity: invalid_request, idempotency_key_reused" {
		t.Errorf("422 is described as %q", told)
	}
	schema := doc.Components.Schemas["Thing"].Value
	for body, ok := range map[string]bool{
		`{"name":"a","note":null,"amount":"1.5","metadata":{"x":[1]}}`: true,
		`{"name":"a","note":"b","amount":1.5}`:                         true,
		`{"name":"abcdef","note":"b"}`:                                 false,
		`{"name":"a"}`:                                                 false,
		`{"name":"a","note":null,"amount":"x"}`:                        false,
		`{"name":"a","note":null,"more":1}`:                            false,
	} {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		if err := schema.VisitJSON(v, openapi3.EnableJSONSchema2020()); (err == nil) != ok {
			t.Errorf("%s: %v", body, err)
		}
	}
}
