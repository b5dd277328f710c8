package admin

import (
	"bytes"
	"net/http"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// apiVersion is the version of the interface, which is not that of the program:
// that stands under /version.
const apiVersion = "1.0.0"

// description is the OpenAPI document. It is built when it is first asked for:
// most processes never are.
var description struct {
	once sync.Once
	data []byte
	err  error
}

func buildDescription() ([]byte, error) {
	var table []openapi.Operation
	for _, op := range operations() {
		table = append(table, op.Operation)
	}
	return openapi.Build(openapi.Info{
		Title: "Custodian supervisor", Version: apiVersion, BearerAuth: true, Admin: true, Problem: wire.Problem{},
		Description: "The admin API of a process that hosts custodian simulators: which instances there are, how they are, and what is to become of them. " +
			"Errors are RFC 9457 problem details with a stable code.",
		Tags: []openapi.Tag{
			{Name: tagInstances, Description: "Instances and their life"},
			{Name: tagConfig, Description: "The desired state as a whole"},
			{Name: tagProcess, Description: "The process itself"},
		},
		Schemas: descriptions,
		Parameters: map[string]string{
			"name":    "The instance's name.",
			"profile": "What is recorded: profile (the processors), block, mutex, heap, allocs or goroutine.",
		},
	}, table)
}

// Document returns the OpenAPI document of the API.
func Document() ([]byte, error) {
	d := &description
	d.once.Do(func() { d.data, d.err = buildDescription() })
	return bytes.Clone(d.data), d.err
}

func getOpenAPI(c *call) error {
	data, err := Document()
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(data) // a caller who is gone misses nothing
	return nil
}

var _ http.Handler = (*API)(nil)
