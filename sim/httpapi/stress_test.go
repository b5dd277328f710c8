package httpapi_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

// TestManyCallersGetEachTheirOwnAnswer looks for buffers that calls share by
// mistake: every answer must be that of its request.
func TestManyCallersGetEachTheirOwnAnswer(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	server := httptest.NewServer(b.handler)
	defer server.Close()
	const callers, each = 16, 25
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				id := fmt.Sprintf("ext-%d-%d", caller, i)
				body := fmt.Sprintf(`{"settlement_type":"DEPOSIT","account_id":"acc-%d","symbol":"BTC","quantity":"1","external_id":%q,"metadata":{"pad":%q}}`,
					caller, id, strings.Repeat("x", (caller*37+i*101)%3000))
				response, err := server.Client().Post(server.URL+"/api/v1/settlements", "application/json", strings.NewReader(body))
				if err != nil {
					t.Error(err)
					return
				}
				text, err := io.ReadAll(response.Body)
				response.Body.Close()
				if err != nil || response.StatusCode != http.StatusCreated || !strings.Contains(string(text), `"external_id":"`+id+`"`) {
					t.Errorf("%s: %d %s %v", id, response.StatusCode, text, err)
				}
				r := httptest.NewRequest(http.MethodPost, "/api/v1/settlements", strings.NewReader(`{"x`+id+`":1}`))
				r.Header.Set("Content-Type", "application/json")
				w := httptest.NewRecorder()
				b.handler.ServeHTTP(w, r)
				if !strings.Contains(w.Body.String(), `"field":"x`+id+`"`) {
					t.Errorf("%s: %s", id, w.Body)
				}
			}
		})
	}
	wg.Wait()
	for caller := range callers {
		b.must(200, "GET", fmt.Sprintf("/api/v1/positions?account_id=acc-%d", caller), "").expect(t, "positions.0.quantity", fmt.Sprint(each), "positions.1", nil)
	}
}
