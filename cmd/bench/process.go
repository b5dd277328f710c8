package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// process is a running supervisor.
type process struct {
	cmd   *exec.Cmd
	dir   string
	admin string
	log   bytes.Buffer
}

// start runs the supervisor on a configuration, to which it adds the admin
// port and a data directory of its own, and waits until it is ready.
func (b *bench) start(ctx context.Context, config string) (*process, error) {
	port, err := servers.FreePort()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "custodian-bench-")
	if err != nil {
		return nil, err
	}
	p := &process{dir: dir, admin: fmt.Sprintf("http://127.0.0.1:%d", port)}
	file := filepath.Join(dir, "bench.yaml")
	config = fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\ndata_dir: %q\nlog: {level: warn}\n%s", port, filepath.Join(dir, "data"), config)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, err
	}
	p.cmd = exec.CommandContext(ctx, b.binary, "serve", "--config", file) //nolint:gosec // the program to measure
	p.cmd.Stderr = &p.log
	p.cmd.Stdout = io.Discard
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	for range 600 {
		if status, _, err := get(ctx, p.admin+"/readyz"); err == nil && status == http.StatusOK {
			return p, nil
		}
		time.Sleep(50 * time.Millisecond)
	}
	p.stop()
	return nil, fmt.Errorf("%w: %s", errNotReady, p.log.String())
}

func (p *process) stop() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = p.cmd.Wait()
	_ = os.RemoveAll(p.dir)
}

// resident returns the process's resident memory in bytes, once it no longer
// shrinks.
func (p *process) resident() (float64, error) {
	least := 0.0
	for range 10 {
		data, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p.cmd.Process.Pid))
		if err != nil {
			return 0, err
		}
		_, rest, _ := strings.Cut(string(data), "VmRSS:")
		kilobytes, err := strconv.ParseFloat(strings.Fields(rest)[0], 64)
		if err != nil {
			return 0, err
		}
		if bytes := kilobytes * 1024; least == 0 || bytes < least {
			least = bytes
		}
		time.Sleep(500 * time.Millisecond)
	}
	return least, nil
}

// addInstance adds an instance by the admin API and waits until it serves.
func (p *process) addInstance(ctx context.Context, entry map[string]any) (httpAddr, grpcAddr string, err error) {
	body, err := json.Marshal(entry)
	if err != nil {
		return "", "", err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, p.admin+"/admin/v1/instances", bytes.NewReader(body))
	if err != nil {
		return "", "", err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return "", "", err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return "", "", err
	}
	if resp.StatusCode != http.StatusCreated {
		return "", "", fmt.Errorf("adding an instance: %s: %s", resp.Status, answer)
	}
	var status struct {
		HTTP string `json:"http_addr"`
		GRPC string `json:"grpc_addr"`
	}
	if err := json.Unmarshal(answer, &status); err != nil {
		return "", "", err
	}
	return status.HTTP, status.GRPC, nil
}

// addFree adds an instance on ports that nobody has.
func (p *process) addFree(ctx context.Context, name string) (httpAddr, grpcAddr string, err error) {
	entry := map[string]any{"name": name}
	for _, key := range []string{"http_port", "grpc_port"} {
		if entry[key], err = servers.FreePort(); err != nil {
			return "", "", err
		}
	}
	return p.addInstance(ctx, entry)
}

func get(ctx context.Context, url string) (status int, size int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	size, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, size, err
}
