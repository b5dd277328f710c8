package admin

import (
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/openapi"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/snapshot"
)

// stateOperations are those on the books of instances as a whole.
func stateOperations() []operation {
	const tag = tagInstances
	return []operation{
		{serve: getSnapshot, Operation: openapi.Operation{
			Method: "GET", Path: instancePath + snapshotSuffix, ID: "get-snapshot", Tag: tag, Summary: "The books of an instance as a file",
			Description: "The instance may run, and goes on meanwhile: the file has what was durable when the request came. Its last bytes are a sum, so a file that was cut off does not pass for a whole one. It holds the secrets of webhook endpoints that were added by requests: keep it as a secret.",
			Answers: []openapi.Answer{{Status: 200, MediaType: snapshot.MediaType, Description: "The file.",
				Headers: map[string]string{"Content-Disposition": "A name for the file."}}},
			Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}},
		{serve: restoreInstance, Operation: openapi.Operation{
			Method: "POST", Path: instancePath + "/restore", ID: "restore-instance", Tag: tag, Summary: "Take over the books of a snapshot",
			Description: "The body is a file of `/snapshot`, of this instance or of another. The instance must be stopped (drained or failed) and stays so. The whole file is read and proved by replaying it before it takes the place of the old books, at once; a file that is damaged, tampered with or of a newer version is refused, and the old books stay. Webhook endpoints that requests added come back where the file is of this instance, and are forgotten where it is of another.",
			Body:        openapi.Text(""), BodyType: snapshot.MediaType,
			Answers: []openapi.Answer{oneInstance}, Problems: []int{401, 403, 404, 409, 422, 429, 503},
		}},
		{serve: cloneInstance, Operation: openapi.Operation{
			Method: "POST", Path: instancePath + "/clone", ID: "clone-instance", Tag: tag, Summary: "Copy an instance into a new one",
			Description: "The copy has the same entry but for its name, ports, schema and Redis prefix, and the same books as they were when the request came, or at an earlier event. Webhook endpoints that requests added to the source are forgotten in the copy. It is started; if that fails nothing of it stays.",
			Body:        wire.Clone{},
			Answers: []openapi.Answer{
				{Status: 201, Description: "It runs.", Body: wire.Instance{}, Headers: map[string]string{"Location": "Path of the copy."}},
			},
			Problems: []int{400, 401, 403, 404, 409, 413, 415, 422, 429, 503},
		}},
	}
}

func getSnapshot(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	ctx, leave, err := c.lasting(&c.waits, c.opts.Limits.MaxWaits, "requests that wait")
	if err != nil {
		return err
	}
	defer leave()
	snap, err := c.opts.Supervisor.Snapshot(ctx, name)
	if err != nil {
		return err
	}
	c.w.Header().Set("Content-Type", snapshot.MediaType)
	c.w.Header().Set("Content-Disposition", fmt.Sprintf("attachment; filename=%q", fmt.Sprintf("%s-%d.custodian", name, snap.Header.Sequence)))
	err = snap.Write(ctx, c.w)
	if closeErr := snap.Close(); closeErr != nil {
		c.opts.Logger.Warn("closing the books after a snapshot", "instance", name, "error", closeErr)
	}
	if err != nil {
		// The answer has begun: all that is left is to break it off.
		c.opts.Logger.Warn("snapshot broken off", "instance", name, "error", err)
		panic(http.ErrAbortHandler)
	}
	return nil
}

func restoreInstance(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	if media := c.r.Header.Get("Content-Type"); media != "" && media != snapshot.MediaType && media != "application/octet-stream" {
		return problem.New(http.StatusUnsupportedMediaType, problem.CodeUnsupportedMediaType, "the body must be a snapshot: "+snapshot.MediaType).On("Content-Type")
	}
	ctx, leave, err := c.lasting(&c.waits, c.opts.Limits.MaxWaits, "requests that wait")
	if err != nil {
		return err
	}
	defer leave()
	status, err := c.opts.Supervisor.Restore(ctx, name, &steadyBody{c.r.Body, http.NewResponseController(c.w)})
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, instanceOf(status))
}

// steadyBody is a body that may take as long as it is, but must not stand still.
type steadyBody struct {
	io.Reader
	control *http.ResponseController
}

// Read reads what comes within the server's read timeout.
func (b *steadyBody) Read(p []byte) (int, error) {
	// Writers without deadlines, such as those of tests, need no bounds.
	_ = b.control.SetReadDeadline(time.Now().Add(readTimeout))
	n, err := b.Reader.Read(p)
	if err != nil {
		_ = b.control.SetReadDeadline(time.Time{}) // else the caller would count as gone
	}
	return n, err
}

var cloneFields = strictjson.FieldsOf(wire.Clone{})

func cloneInstance(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	data, err := c.body(c.opts.Limits.MaxBodyBytes)
	if err != nil {
		return err
	}
	o, err := parseClone(data)
	if err != nil {
		return err
	}
	status, err := c.waiting(true, func(ctx context.Context) (supervisor.Status, error) {
		return c.opts.Supervisor.Clone(ctx, name, o)
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", instancesPath+"/"+url.PathEscape(o.Name))
	return c.answer(http.StatusCreated, instanceOf(status))
}

// parseClone reads what a copy is to be.
func parseClone(data []byte) (supervisor.CloneOptions, error) {
	var o supervisor.CloneOptions
	_, err := strictjson.Object(data, cloneFields, func(name string, v strictjson.Value) (err error) {
		switch name {
		case "name":
			o.Name, err = v.Text()
		case "http_port":
			err = number(name, v, 65535, func(n uint64) { o.HTTPPort = int(n) })
		case "grpc_port":
			err = number(name, v, 65535, func(n uint64) { o.GRPCPort = int(n) })
		case "at_sequence":
			err = number(name, v, math.MaxInt64, func(n uint64) { o.AtSequence = n })
		}
		return err
	})
	if err == nil && o.Name == "" {
		err = problem.Invalid("name", "is required: the name of the copy")
	}
	return o, err
}

// number reads a whole number up to a bound.
func number(field string, v strictjson.Value, most uint64, set func(uint64)) error {
	n, err := strconv.ParseUint(string(v.Raw()), 10, 64)
	if err != nil || n > most {
		return problem.Invalid(field, fmt.Sprintf("must be a whole number from 0 to %d", most))
	}
	set(n)
	return nil
}
