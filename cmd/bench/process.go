package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
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

// readyWithin is how long a start may take: that of a thousand instances that make
// their schemas is a minute.
const readyWithin = 5 * time.Minute

// process is a running supervisor.
type process struct {
	cmd   *exec.Cmd
	dir   string
	admin string
	// metrics is what lag scrapes.
	metrics string
	log     bytes.Buffer
}

// start runs the supervisor on a configuration, to which it adds the admin
// port and a data directory of its own, and waits until it is ready.
func (b *bench) start(ctx context.Context, config string) (*process, error) {
	dir, err := os.MkdirTemp("", "custodian-bench-")
	if err != nil {
		return nil, err
	}
	p, _, err := b.startIn(ctx, dir, config)
	return p, err
}

// startIn does the same in a directory that may be one of an earlier process. It
// returns how long it took.
func (b *bench) startIn(ctx context.Context, dir, config string) (*process, time.Duration, error) {
	port, err := servers.FreePort()
	if err != nil {
		return nil, 0, err
	}
	admin := fmt.Sprintf("http://127.0.0.1:%d", port)
	p := &process{dir: dir, admin: admin, metrics: admin + "/metrics"}
	file := filepath.Join(dir, "bench.yaml")
	config = fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\ndata_dir: %q\nlog: {level: warn}\n%s", port, filepath.Join(dir, "data"), config)
	if err := os.WriteFile(file, []byte(config), 0o600); err != nil {
		return nil, 0, err
	}
	p.cmd = exec.CommandContext(ctx, b.binary, "serve", "--config", file) //nolint:gosec // the program to measure
	p.cmd.Stderr = &p.log
	p.cmd.Stdout = io.Discard
	begin := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, 0, err
	}
	for time.Since(begin) < readyWithin {
		if status, _, err := get(ctx, p.admin+"/readyz"); err == nil && status == http.StatusOK {
			return p, time.Since(begin), nil
		}
		time.Sleep(10 * time.Millisecond)
	}
	p.end()
	return nil, 0, fmt.Errorf("%w: %s", errNotReady, p.log.String())
}

// end drains the process, and stop forgets its data, too.
func (p *process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended
	_ = p.cmd.Wait()
}

func (p *process) stop() {
	p.end()
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

// used returns how much time of the processors the program has used up.
func (p *process) used() (time.Duration, error) {
	s, err := readStat(strconv.Itoa(p.cmd.Process.Pid))
	return s.used, err
}

// usedByFamily returns how much time of the processors a process and its children
// have used up, those that have ended included: PostgreSQL is such a family.
func usedByFamily(pid int) (time.Duration, error) {
	head, err := readStat(strconv.Itoa(pid))
	if err != nil {
		return 0, err
	}
	total := head.used + head.ended
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		if _, err := strconv.Atoi(entry.Name()); err != nil {
			continue // not a process
		}
		s, err := readStat(entry.Name())
		if err == nil && s.parent == pid {
			total += s.used
		} else if err != nil && !errors.Is(err, os.ErrNotExist) && !errors.Is(err, syscall.ESRCH) {
			return 0, err // but for one that has just ended
		}
	}
	return total, nil
}

// stat is what the system tells of a process.
type stat struct {
	parent int
	used   time.Duration // of the processors
	ended  time.Duration // what children had used that have ended
}

func readStat(pid string) (stat, error) {
	data, err := os.ReadFile(filepath.Join("/proc", pid, "stat"))
	if err != nil {
		return stat{}, err
	}
	// Behind the name, which may hold anything, the 2nd is the parent, the 12th and
	// 13th are what it and the system for it used, in hundredths of a second, and
	// the 14th and 15th what its children did that have ended.
	fields := strings.Fields(string(data[bytes.LastIndexByte(data, ')')+1:]))
	var numbers [5]int
	for i, field := range []string{fields[1], fields[11], fields[12], fields[13], fields[14]} {
		if numbers[i], err = strconv.Atoi(field); err != nil {
			return stat{}, err
		}
	}
	const tick = 10 * time.Millisecond
	return stat{
		parent: numbers[0], used: time.Duration(numbers[1]+numbers[2]) * tick, ended: time.Duration(numbers[3]+numbers[4]) * tick,
	}, nil
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

// lag returns how many durable events the tables do not show yet, of all instances
// that the scraped metrics are of.
func (p *process) lag(ctx context.Context) (float64, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, p.metrics, http.NoBody)
	if err != nil {
		return 0, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { _ = resp.Body.Close() }() // read to its end
	lag, lines := 0.0, bufio.NewScanner(resp.Body)
	for lines.Scan() {
		if !strings.HasPrefix(lines.Text(), "custodian_projection_lag_events{") {
			continue
		}
		n, err := strconv.ParseFloat(lines.Text()[strings.LastIndexByte(lines.Text(), ' ')+1:], 64)
		if err != nil {
			return 0, err
		}
		lag += n
	}
	return lag, lines.Err()
}

// catchUp waits until the tables show all durable events, and returns the lag that
// they had.
func (p *process) catchUp(ctx context.Context) (float64, error) {
	first, err := p.lag(ctx)
	for lag := first; err == nil && lag > 0; lag, err = p.lag(ctx) {
		time.Sleep(50 * time.Millisecond)
	}
	return first, err
}
