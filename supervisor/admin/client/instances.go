package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

const instancesPath = "/admin/v1/instances"

func instancePath(name string) string { return instancesPath + "/" + url.PathEscape(name) }

// Instances returns all instances, ordered by name.
func (c *Client) Instances(ctx context.Context) ([]wire.Instance, error) {
	var list wire.Instances
	_, err := c.do(ctx, request{method: http.MethodGet, path: instancesPath}, &list)
	return list.Instances, err
}

// Instance returns one instance.
func (c *Client) Instance(ctx context.Context, name string) (wire.Instance, error) {
	var out wire.Instance
	_, err := c.do(ctx, request{method: http.MethodGet, path: instancePath(name)}, &out)
	return out, err
}

// Add adds an instance. The entry is one of `instances:` in the configuration,
// as JSON. With wait Add returns when it runs; if it does not start it is
// forgotten again, and the error says why.
func (c *Client) Add(ctx context.Context, entry []byte, wait bool) (wire.Instance, error) {
	var out wire.Instance
	_, err := c.do(ctx, request{method: http.MethodPost, path: instancesPath, query: waitQuery(wait), body: entry}, &out)
	return out, err
}

// Drain stops an instance within grace, its own where that is 0. Data and entry
// are kept; [Client.Start] brings it back.
func (c *Client) Drain(ctx context.Context, name string, grace time.Duration, wait bool) (wire.Instance, error) {
	return c.operate(ctx, name, "drain", graceQuery(grace, wait))
}

// Start starts an instance that is drained or failed.
func (c *Client) Start(ctx context.Context, name string, wait bool) (wire.Instance, error) {
	return c.operate(ctx, name, "start", waitQuery(wait))
}

// Restart drains an instance within grace, its own where that is 0, and starts
// it again.
func (c *Client) Restart(ctx context.Context, name string, grace time.Duration, wait bool) (wire.Instance, error) {
	return c.operate(ctx, name, "restart", graceQuery(grace, wait))
}

// Reset drains an instance within grace, its own where that is 0, drops its
// books, and starts it again with its opening.
func (c *Client) Reset(ctx context.Context, name string, grace time.Duration, wait bool) (wire.Instance, error) {
	return c.operate(ctx, name, "reset", graceQuery(grace, wait))
}

// Pause makes an instance answer 503 until it is resumed.
func (c *Client) Pause(ctx context.Context, name string) (wire.Instance, error) {
	return c.operate(ctx, name, "pause", nil)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, name string) (wire.Instance, error) {
	return c.operate(ctx, name, "resume", nil)
}

func (c *Client) operate(ctx context.Context, name, operation string, query url.Values) (wire.Instance, error) {
	var out wire.Instance
	_, err := c.do(ctx, request{method: http.MethodPost, path: instancePath(name) + "/" + operation, query: query}, &out)
	return out, err
}

// Clone copies an instance into a new one, and returns when that runs.
func (c *Client) Clone(ctx context.Context, name string, o wire.Clone) (wire.Instance, error) {
	body, err := json.Marshal(o)
	if err != nil {
		return wire.Instance{}, err
	}
	var out wire.Instance
	_, err = c.do(ctx, request{method: http.MethodPost, path: instancePath(name) + "/clone", body: body}, &out)
	return out, err
}

// Snapshot returns the books of an instance as a file, which the caller closes.
func (c *Client) Snapshot(ctx context.Context, name string) (io.ReadCloser, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: instancePath(name) + "/snapshot"})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// Restore makes the books of a snapshot those of an instance that is stopped.
func (c *Client) Restore(ctx context.Context, name string, from io.Reader) (wire.Instance, error) {
	var out wire.Instance
	_, err := c.do(ctx, request{
		method: http.MethodPost, path: instancePath(name) + "/restore", stream: from,
		header: map[string]string{"Content-Type": snapshotType},
	}, &out)
	return out, err
}

// snapshotType is the media type of snapshots.
const snapshotType = "application/vnd.custodian.snapshot"

// RemoveOptions adjust [Client.Remove].
type RemoveOptions struct {
	// Grace is for the drain; 0 means the instance's own.
	Grace time.Duration
	// Purge also drops its books and its keys in Redis.
	Purge bool
	// Wait makes Remove return only when all is done.
	Wait bool
}

// Remove drains an instance and forgets it.
func (c *Client) Remove(ctx context.Context, name string, o RemoveOptions) error {
	query := graceQuery(o.Grace, o.Wait)
	if o.Purge {
		query.Set("purge", "true")
	}
	_, err := c.do(ctx, request{method: http.MethodDelete, path: instancePath(name), query: query}, nil)
	return err
}

func waitQuery(wait bool) url.Values { return url.Values{"wait": {strconv.FormatBool(wait)}} }

func graceQuery(grace time.Duration, wait bool) url.Values {
	query := waitQuery(wait)
	if grace > 0 {
		query.Set("grace", grace.String())
	}
	return query
}
