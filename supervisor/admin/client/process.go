package client

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

const (
	configPath   = "/admin/v1/config"
	logLevelPath = "/admin/v1/log-level"
)

// Config returns the whole desired state as the server wrote it, in the shape
// of [wire.Config] with passwords hidden, and its entity tag.
func (c *Client) Config(ctx context.Context) (document []byte, etag string, err error) {
	header, err := c.do(ctx, request{method: http.MethodGet, path: configPath}, &document)
	return document, header.Get("ETag"), err
}

// PutConfig makes a document the desired state and returns what that changes,
// with the new entity tag. The server sees to the changes; nothing is waited
// for. With etag, that of the document that was edited, a change in between is
// an [*Error] with status 412; without, the last one wins. A dry run changes
// nothing and only returns the plan. Passwords that read as [Client.Config]
// showed them stay as they are.
func (c *Client) PutConfig(ctx context.Context, document []byte, etag string, dryRun bool) (wire.Plan, string, error) {
	r := request{method: http.MethodPut, path: configPath, body: document, header: map[string]string{}}
	if etag != "" {
		r.header["If-Match"] = etag
	}
	if dryRun {
		r.query = url.Values{"dry_run": {"true"}}
	}
	var plan wire.Plan
	header, err := c.do(ctx, r, &plan)
	return plan, header.Get("ETag"), err
}

// LogLevel returns the level of the process's log.
func (c *Client) LogLevel(ctx context.Context) (string, error) {
	var out wire.LogLevel
	_, err := c.do(ctx, request{method: http.MethodGet, path: logLevelPath}, &out)
	return out.Level, err
}

// SetLogLevel changes the level of the process's log until it ends: debug, info,
// warn or error.
func (c *Client) SetLogLevel(ctx context.Context, level string) error {
	body, err := json.Marshal(wire.LogLevel{Level: level})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, request{method: http.MethodPut, path: logLevelPath, body: body}, nil)
	return err
}

// InstanceLogLevel returns the level of what is logged of an instance, and whether it
// is the instance's own.
func (c *Client) InstanceLogLevel(ctx context.Context, name string) (wire.InstanceLogLevel, error) {
	var out wire.InstanceLogLevel
	_, err := c.do(ctx, request{method: http.MethodGet, path: instancePath(name) + "/log-level"}, &out)
	return out, err
}

// SetInstanceLogLevel gives an instance a level of its own until the process ends or
// the instance is removed: debug, info, warn or error, or with "" that of the process
// again.
func (c *Client) SetInstanceLogLevel(ctx context.Context, name, level string) error {
	if level == "" {
		_, err := c.do(ctx, request{method: http.MethodDelete, path: instancePath(name) + "/log-level"}, nil)
		return err
	}
	body, err := json.Marshal(wire.LogLevel{Level: level})
	if err != nil {
		return err
	}
	_, err = c.do(ctx, request{method: http.MethodPut, path: instancePath(name) + "/log-level", body: body}, nil)
	return err
}

// Version returns which program answers.
func (c *Client) Version(ctx context.Context) (wire.Version, error) {
	var out wire.Version
	_, err := c.do(ctx, request{method: http.MethodGet, path: "/version"}, &out)
	return out, err
}

// Health returns nil if the process answers at all.
func (c *Client) Health(ctx context.Context) error {
	_, err := c.do(ctx, request{method: http.MethodGet, path: "/healthz"}, &wire.Health{})
	return err
}

// Readiness returns the supervisor's own health. That it is not ready is no
// error.
func (c *Client) Readiness(ctx context.Context) (wire.Readiness, error) {
	var out wire.Readiness
	_, err := c.do(ctx, request{method: http.MethodGet, path: "/readyz", accept: http.StatusServiceUnavailable}, &out)
	return out, err
}

// Metrics copies the metrics of the process and of all instances to w, in
// Prometheus's text format.
func (c *Client) Metrics(ctx context.Context, w io.Writer) error {
	return c.copy(ctx, request{method: http.MethodGet, path: "/metrics", header: map[string]string{"Accept": "text/plain"}}, w)
}

// OpenAPI copies the description of the admin API to w.
func (c *Client) OpenAPI(ctx context.Context, w io.Writer) error {
	return c.copy(ctx, request{method: http.MethodGet, path: "/openapi.json"}, w)
}

func (c *Client) copy(ctx context.Context, r request, w io.Writer) error {
	resp, err := c.send(ctx, r)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // only read from
	_, err = io.Copy(w, resp.Body)
	return err
}
