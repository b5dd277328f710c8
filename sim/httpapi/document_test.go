package httpapi_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/go-chi/chi/v5"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/asset"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi"
)

// loadDocument returns the document as the face serves it.
var loadDocument = sync.OnceValues(func() (*openapi3.T, error) {
	w := httptest.NewRecorder()
	httpapi.New(httpapi.Options{Assets: asset.NewRegistry()}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/openapi.json", nil))
	return openapi3.NewLoader().LoadFromData(w.Body.Bytes())
})

// checkAgainstDocument checks that an answer is one that the document promises
// for the request.
func checkAgainstDocument(t testing.TB, r *http.Request, a answer) {
	t.Helper()
	doc, err := loadDocument()
	if err != nil {
		t.Fatalf("loading the document: %v", err)
	}
	operation := findOperation(doc, r)
	if operation == nil {
		if a.status != http.StatusNotFound && a.status != http.StatusMethodNotAllowed {
			t.Errorf("%s %s is answered %d but not documented", r.Method, r.URL.Path, a.status)
		}
		return
	}
	response := operation.Responses.Value(strconv.Itoa(a.status))
	if response == nil {
		t.Errorf("%s may not answer %d: %s", operation.OperationID, a.status, a.text)
		return
	}
	mediaType, _, _ := strings.Cut(a.header.Get("Content-Type"), ";")
	media := response.Value.Content.Get(mediaType)
	if a.text == "" && len(response.Value.Content) == 0 || r.Method == http.MethodHead || mediaType == "text/plain" {
		return
	}
	if media == nil {
		t.Errorf("%s may not answer %d with %q", operation.OperationID, a.status, mediaType)
		return
	}
	if a.json == nil {
		return
	}
	if err := media.Schema.Value.VisitJSON(a.json, openapi3.EnableJSONSchema2020()); err != nil {
		t.Errorf("%s answered %s, which is not as documented: %v", operation.OperationID, a.text, err)
	}
}

func findOperation(doc *openapi3.T, r *http.Request) *openapi3.Operation {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	steps := strings.Split(r.URL.EscapedPath(), "/")
	var found *openapi3.Operation
	for path, item := range doc.Paths.Map() {
		if pattern := strings.Split(path, "/"); matches(pattern, steps) && item.GetOperation(method) != nil {
			if !strings.Contains(path, "{") {
				return item.GetOperation(method)
			}
			found = item.GetOperation(method)
		}
	}
	return found
}

func matches(pattern, steps []string) bool {
	return slices.EqualFunc(pattern, steps, func(p, s string) bool { return p == s || strings.HasPrefix(p, "{") && s != "" })
}

func TestDocumentIsValid(t *testing.T) {
	t.Parallel()
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(t.Context()); err != nil {
		t.Error(err)
	}
	if doc.OpenAPI != "3.1.0" {
		t.Errorf("version %s", doc.OpenAPI)
	}
}

func TestDocumentAndRoutesAreTheSame(t *testing.T) {
	t.Parallel()
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	var documented, routed []string
	for path, item := range doc.Paths.Map() {
		for method := range item.Operations() {
			documented = append(documented, method+" "+path)
		}
	}
	err = chi.Walk(httpapi.Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		routed = append(routed, method+" "+route)
		return nil
	})
	slices.Sort(documented)
	slices.Sort(routed)
	if err != nil || !slices.Equal(documented, routed) {
		t.Errorf("documented:\n%s\nrouted:\n%s\n%v", strings.Join(documented, "\n"), strings.Join(routed, "\n"), err)
	}
	if len(routed) < 30 {
		t.Errorf("only %d routes", len(routed))
	}
}

// TestDocumentedExamplesAreAccepted sends the document's own examples.
func TestDocumentDescribesRequestsThatAreAccepted(t *testing.T) {
	t.Parallel()
	doc, err := loadDocument()
	if err != nil {
		t.Fatal(err)
	}
	schema := doc.Components.Schemas["Instruction"].Value
	for body, valid := range map[string]bool{
		`{"settlement_type":"DEPOSIT","account_id":"a","symbol":"BTC","quantity":"1","metadata":{"a":[1]}}`:                       true,
		`{"settlement_type":"TRANSFER","source_account":"a","destination_account":"b","symbol":"BTC","quantity":1.5,"hold":true}`: true,
		`{"settlement_type":"DEPOSIT","symbol":"BTC"}`:                                                                            false,
		`{"settlement_type":"DEPOSIT","symbol":"BTC","quantity":"1","counterpart_account":"a"}`:                                   false,
		`{"settlement_type":"DEPOSIT","symbol":"BTC","quantity":"1","account_id":5}`:                                              false,
		`{"settlement_type":"DEPOSIT","symbol":"BTC","quantity":"one","account_id":"a"}`:                                          false,
		`{"settlement_type":"DEPOSIT","symbol":"BTC","quantity":"1","account_id":"a","hold":"y"}`:                                 false,
	} {
		var v any
		if err := json.Unmarshal([]byte(body), &v); err != nil {
			t.Fatal(err)
		}
		documented := schema.VisitJSON(v, openapi3.EnableJSONSchema2020()) == nil
		b := setup(t, nil)
		accepted := b.send(http.MethodPost, "/api/v1/settlements", body).status == http.StatusCreated
		if documented != valid || accepted != valid {
			t.Errorf("%s: documented as valid %t, accepted %t, want %t", body, documented, accepted, valid)
		}
	}
}
