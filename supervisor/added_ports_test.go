package supervisor

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Who adds an instance takes no port away from another, be it that the other asked for
// it or was given it; and is told which field it is about, and who has the port.
func TestPortsThatOthersWereGivenAreNotTaken(t *testing.T) {
	t.Parallel()
	h := launch(t, options{config: testConfig(t)})
	given, err := config.ParseInstance([]byte(`{"name":"given"}`))
	if err != nil {
		t.Fatal(err)
	}
	status := h.must(h.Add(h.ctx, given, true))
	port := status.HTTPAddr[strings.LastIndex(status.HTTPAddr, ":")+1:]
	for _, key := range []string{"http_port", "grpc_port"} {
		asking, err := config.ParseInstance(fmt.Appendf(nil, `{"name":"asking",%q:%s}`, key, port))
		if err != nil {
			t.Fatal(err)
		}
		_, err = h.Add(h.ctx, asking, true)
		wantProblem(t, err, key, `is taken by http_port of instance "given"`)
	}
	_, err = h.Add(h.ctx, given, true)
	wantProblem(t, err, "name", "exists already")
	if now := h.must(h.Get("given")); now.HTTPAddr != status.HTTPAddr || now.State != StateRunning {
		t.Errorf("the one that was there is %+v", now)
	}
}

// wantProblem fails the test unless an error is a conflict about one field.
func wantProblem(t *testing.T, err error, key, says string) {
	t.Helper()
	wantKind(t, err, KindConflict, says)
	refusal, _ := errors.AsType[*Error](err)
	if len(refusal.Problems) != 1 || refusal.Problems[0].Key != key {
		t.Errorf("the problems are %+v, want one of %s", refusal.Problems, key)
	}
}
