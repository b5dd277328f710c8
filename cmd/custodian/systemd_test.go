package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestSocketsAreTakenWhereTheyAreMeantForThisProcess(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		env   []string
		taken bool
		says  string
	}{
		"none":               {nil, false, ""},
		"one":                {[]string{"LISTEN_PID=7", "LISTEN_FDS=1"}, true, ""},
		"that of the parent": {[]string{"LISTEN_PID=6", "LISTEN_FDS=1"}, false, ""},
		"two":                {[]string{"LISTEN_PID=7", "LISTEN_FDS=2"}, false, "LISTEN_FDS: one socket is expected"},
		"not said how many":  {[]string{"LISTEN_PID=7"}, false, "LISTEN_FDS: one socket is expected"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			taken, err := (&app{env: c.env}).handedOver(7)
			if taken != c.taken || (err != nil) != (c.says != "") || (err != nil && !strings.Contains(err.Error(), c.says)) {
				t.Errorf("%t, %v", taken, err)
			}
		})
	}
}

// handed closes a file and returns a descriptor of it that belongs to nobody, such as a
// process finds when it starts.
func handed(t *testing.T, file *os.File) uintptr {
	t.Helper()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		t.Fatal(err)
	}
	if err := file.Close(); err != nil {
		t.Fatal(err)
	}
	return uintptr(fd)
}

func TestASocketThatWasHandedOverIsListenedAt(t *testing.T) {
	t.Parallel()
	original, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	file, err := original.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	if err := original.Close(); err != nil {
		t.Fatal(err)
	}
	listener, err := listenerOf(handed(t, file))
	if err != nil {
		t.Fatal(err)
	}
	if listener.Addr().String() != original.Addr().String() {
		t.Errorf("listens at %s, not %s", listener.Addr(), original.Addr())
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	none, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := listenerOf(handed(t, none)); err == nil || !strings.Contains(err.Error(), "none to listen at") {
		t.Errorf("a file that is no socket: %v", err)
	}
}

func TestTheServiceManagerIsToldOfReadinessAndTheEnd(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "notify")
	told, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = told.Close() })
	next := func() string {
		buffer := make([]byte, 200)
		if err := told.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
			t.Fatal(err)
		}
		n, err := told.Read(buffer)
		if err != nil {
			t.Fatal(err)
		}
		return string(buffer[:n])
	}
	file := filepath.Join(t.TempDir(), "serve.yaml")
	write(t, file, fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\nstorage: {driver: memory}\nredis: {driver: 'off'}\ndata_dir: %q\n", freeAdminPort(t), t.TempDir()))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan int, 1)
	go func() {
		ended <- run(ctx, []string{"serve", "--config", file}, strings.NewReader(""), io.Discard, io.Discard, []string{envNotifySocket + "=" + path})
	}()
	if got := next(); got != "READY=1\nSTATUS=running" {
		t.Errorf("told %q", got)
	}
	cancel()
	if got := next(); got != "STOPPING=1\nSTATUS=draining" {
		t.Errorf("told %q", got)
	}
	if code := <-ended; code != codeOK {
		t.Errorf("ended with %d", code)
	}
	(&manager{socket: path + ".gone", logger: slog.New(slog.DiscardHandler)}).tell("READY=1") // is no harm
}
