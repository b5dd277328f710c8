package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestThePortThatTheSystemChoseIsToldInAFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	file, address := filepath.Join(dir, "ci.yaml"), filepath.Join(dir, "custodian.url")
	write(t, file, fmt.Sprintf("storage: {driver: memory}\nredis: {driver: 'off'}\ndata_dir: %q\n", dir))
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var log bytes.Buffer
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--config", file, "--admin-listen", "127.0.0.1:0", "--admin-address-file", address},
			strings.NewReader(""), io.Discard, &log, nil)
	}()
	got := command(t, "", nil, "health", "--ready", "--wait", "1m", "--admin-file", address)
	if got.code != codeOK || got.out != "ready\n" {
		t.Errorf("%+v", got)
	}
	url, err := readAddress(address)
	if err != nil || !strings.HasPrefix(url, "http://127.0.0.1:") || strings.HasSuffix(url, ":0") {
		t.Fatalf("the file says %q, %v", url, err)
	}
	cancel()
	if code := <-ended; code != codeOK {
		t.Errorf("serve ended with %d:\n%s", code, &log)
	}
	if _, err := os.Stat(address); !os.IsNotExist(err) {
		t.Errorf("the file stays: %v", err)
	}
	got = command(t, "", nil, "health", "--admin-file", address)
	if got.code != codeFailed || !strings.Contains(got.err, "no supervisor has written its address to "+address) || !strings.Contains(got.err, "try: start it with") {
		t.Errorf("%+v", got)
	}
	if got := command(t, "", nil, "health", "--wait", "1m", "--admin-file", dir); got.code != codeInput {
		t.Errorf("a directory is waited for: %+v", got)
	}
	if got := command(t, "", nil, "health", "--admin", url, "--admin-file", address); got.code != codeInput || !strings.Contains(got.err, "given twice") {
		t.Errorf("%+v", got)
	}
}

func TestTheAddressOfAnotherProcessStays(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "custodian.url")
	logger := slog.New(slog.DiscardHandler)
	first, err := publish(file, "http://127.0.0.1:1", logger)
	if err != nil {
		t.Fatal(err)
	}
	second, err := publish(file, "http://127.0.0.1:2", logger)
	if err != nil {
		t.Fatal(err)
	}
	first()
	if url, err := readAddress(file); err != nil || url != "http://127.0.0.1:2" {
		t.Errorf("%q, %v", url, err)
	}
	second()
	if _, err := os.Stat(file); !os.IsNotExist(err) {
		t.Errorf("the file stays: %v", err)
	}
	if _, err := publish(filepath.Join(file, "below", "nothing"), "http://127.0.0.1:1", logger); err == nil || !strings.Contains(err.Error(), "admin.address_file: no file can be made in") {
		t.Errorf("got %v", err)
	}
}

func TestNoInstanceIsGivenThePortThatTheSystemChose(t *testing.T) {
	t.Parallel()
	c := config.Config{Admin: config.Admin{Listen: "127.0.0.1:0"}}
	server, err := admin.Bind(t.Context(), c.Admin, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Shutdown(context.Background()) }) // it has served nobody
	c = listening(c, server)
	if "http://"+c.Admin.Listen != server.URL() {
		t.Errorf("it listens at %s, not %s", server.URL(), c.Admin.Listen)
	}
	_, chosen, _ := strings.Cut(c.Admin.Listen, ":")
	port, err := strconv.Atoi(chosen)
	if err != nil {
		t.Fatal(err)
	}
	c.Ports.Host, c.Instances = "127.0.0.1", []config.Instance{{Name: "a", HTTPPort: port, GRPCPort: 1}}
	if _, problems := config.Plan(c, nil); len(problems) != 1 || !strings.Contains(problems[0].Message, "taken by admin.listen") {
		t.Errorf("%v", problems)
	}
	c.Admin.Listen = "127.0.0.1:7080"
	if c = listening(c, server); c.Admin.Listen != "127.0.0.1:7080" {
		t.Errorf("what was chosen by people is %s", c.Admin.Listen)
	}
}
