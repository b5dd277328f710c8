package admin

import (
	"net/http"
	"sync"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

// description is the OpenAPI document of a version of the program.
type description struct {
	version string
	once    sync.Once
	data    []byte
	err     error
}

// get builds the document when it is first asked for: most processes never are.
func (d *description) get() ([]byte, error) {
	d.once.Do(func() {
		var table []openapi.Operation
		for _, op := range operations() {
			table = append(table, op.Operation)
		}
		d.data, d.err = openapi.Build(openapi.Info{
			Title: "Custodian supervisor", Version: d.version, BearerAuth: true, Problem: wire.Problem{},
			Description: "The admin API of a process that hosts custodian simulators: which instances there are, how they are, and what is to become of them. " +
				"Errors are RFC 9457 problem details with a stable code.",
			Tags: []openapi.Tag{
				{Name: tagInstances, Description: "Instances and their life"},
				{Name: tagConfig, Description: "The desired state as a whole"},
				{Name: tagProcess, Description: "The process itself"},
			},
		}, table)
	})
	return d.data, d.err
}

func getOpenAPI(c *call) error {
	data, err := c.description.get()
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", "application/json")
	_, _ = c.w.Write(data) // a caller who is gone misses nothing
	return nil
}

var _ http.Handler = (*API)(nil)
