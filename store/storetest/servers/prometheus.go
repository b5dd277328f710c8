//go:build unix

package servers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
)

// prometheusMajorMin is the oldest major version that the shipped
// configuration is for.
const prometheusMajorMin = 2

// Prometheus is a private Prometheus server.
type Prometheus struct {
	Server
	// URL is where it listens, without a slash at its end.
	URL string
}

// Sample is one series of a query's answer, with its value of now.
type Sample struct {
	// Metric are the series' labels, its name among them as __name__.
	Metric map[string]string `json:"metric"`
	// Value is the time in seconds and the value as Prometheus writes it, which
	// for numbers that are none is "NaN", "+Inf" or "-Inf".
	Value [2]any `json:"value"`
}

// StartPrometheus starts a private Prometheus with the text of its configuration
// and further files by their names, which the configuration may name without a
// directory. The context bounds the start, not the server's life: that ends with
// Close.
func StartPrometheus(ctx context.Context, config string, files map[string]string) (*Prometheus, error) {
	ctx, cancel := withStartTimeout(ctx)
	defer cancel()
	path, err := exec.LookPath("prometheus")
	if err != nil {
		return nil, errors.New("no Prometheus found: install it (Debian, Ubuntu: apt-get install prometheus, or make services)")
	}
	version, err := versionOf(ctx, path, prometheusMajorMin)
	if err != nil {
		return nil, fmt.Errorf("no usable Prometheus: %w", err)
	}
	runAs, err := unprivileged("prometheus", "nobody")
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	dir, err := runAs.makeDir("custodian-prometheus-")
	if err != nil {
		return nil, fmt.Errorf("prometheus: %w", err)
	}
	configPath := filepath.Join(dir, "prometheus.yml")
	p := &Prometheus{Server: Server{
		Dir: dir, Version: version, name: "Prometheus", account: runAs,
		signal: syscall.SIGTERM,
		path:   path,
		args: func(port int) []string {
			return []string{
				"--config.file=" + configPath,
				"--storage.tsdb.path=" + filepath.Join(dir, "data"),
				"--web.listen-address=" + net.JoinHostPort("127.0.0.1", strconv.Itoa(port)),
			}
		},
	}}
	p.ping = p.ready
	if err := p.initialise(ctx, configPath, config, files); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	p.URL = "http://" + p.Addr()
	return p, nil
}

// initialise takes an empty directory to a running server.
func (p *Prometheus) initialise(ctx context.Context, configPath, config string, files map[string]string) error {
	if err := p.account.writeFile(configPath, config); err != nil {
		return fmt.Errorf("prometheus: %w", err)
	}
	for name, text := range files {
		if err := p.account.writeFile(filepath.Join(p.Dir, name), text); err != nil {
			return fmt.Errorf("prometheus: %w", err)
		}
	}
	return p.startOnFreePort(ctx)
}

// ready says whether the server answers queries.
func (p *Prometheus) ready(ctx context.Context) error {
	return get(ctx, "http://"+p.Addr()+"/-/ready", nil)
}

// Query runs an instant query in PromQL, which leaves out series that are stale.
// It is safe for concurrent use.
func (p *Prometheus) Query(ctx context.Context, expression string) ([]Sample, error) {
	var answer struct {
		Data struct {
			Result []Sample `json:"result"`
		} `json:"data"`
	}
	if err := get(ctx, p.URL+"/api/v1/query?query="+url.QueryEscape(expression), &answer); err != nil {
		return nil, fmt.Errorf("%s: %w", expression, err)
	}
	return answer.Data.Result, nil
}

// get decodes the JSON at an address into out, unless that is nil.
func get(ctx context.Context, address string, out any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }() // nothing to tell about what was read
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("status %s", resp.Status)
	}
	if out == nil {
		return nil
	}
	return json.NewDecoder(resp.Body).Decode(out)
}
