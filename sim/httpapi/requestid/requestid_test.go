package requestid_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/requestid"
)

func TestRequestIDsAreTakenOverOnlyWhereTheyAreHarmless(t *testing.T) {
	t.Parallel()
	for given, kept := range map[string]bool{
		"": false, "abc-1.2_3": true, "a b": false, "a\"b": false, "é": false, string(make([]byte, 129)): false,
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.Header[requestid.Header] = []string{given}
		w := httptest.NewRecorder()
		requestid.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			if id := requestid.Of(w); id == "" || (id == given) != kept {
				t.Errorf("given %q, got %q", given, id)
			}
		})).ServeHTTP(w, r)
	}
}
