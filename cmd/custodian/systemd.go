package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// What systemd says of sockets that it hands over (sd_listen_fds), and where it
// listens to what becomes of the process (sd_notify).
const (
	envListenPID    = "LISTEN_PID"
	envListenFDs    = "LISTEN_FDS"
	envNotifySocket = "NOTIFY_SOCKET"
	firstSocket     = 3
)

// bind opens the port of the admin API, or takes it over.
func (a *app) bind(ctx context.Context, c config.Admin, logger *slog.Logger) (*admin.Server, error) {
	handed, err := a.handedOver(os.Getpid())
	if err != nil {
		return nil, err
	}
	if !handed {
		return admin.Bind(ctx, c, logger)
	}
	listener, err := listenerOf(firstSocket)
	if err != nil {
		return nil, err
	}
	server, err := admin.Take(listener, c, logger)
	if err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return server, nil
}

// handedOver reports whether a socket is there for the process with this number. What
// is meant for another, such as the one that started it, is left alone.
func (a *app) handedOver(pid int) (bool, error) {
	if a.getenv(envListenPID) != strconv.Itoa(pid) {
		return false, nil
	}
	if n := a.getenv(envListenFDs); n != "1" {
		return false, fmt.Errorf("%s: one socket is expected, that of admin.listen, not %s", envListenFDs, n)
	}
	return true, nil
}

func listenerOf(fd uintptr) (net.Listener, error) {
	file := os.NewFile(fd, "admin.listen")
	defer func() { _ = file.Close() }() // the listener has a copy
	listener, err := net.FileListener(file)
	if err != nil {
		return nil, fmt.Errorf("the socket that was handed over is none to listen at: %w", err)
	}
	return listener, nil
}

// manager is who started the process and wants to know how it does; nil for nobody.
type manager struct {
	socket string
	logger *slog.Logger
}

func (a *app) manager(logger *slog.Logger) *manager {
	socket := a.getenv(envNotifySocket)
	if socket == "" {
		return nil
	}
	return &manager{socket: socket, logger: logger}
}

// tell sends a state. That it cannot be told is no reason to end.
func (m *manager) tell(state string) {
	if m == nil {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: m.socket, Net: "unixgram"})
	if err == nil {
		_, err = conn.Write([]byte(state))
		err = errors.Join(err, conn.Close())
	}
	if err != nil {
		m.logger.Warn("the service manager cannot be told", "state", state, "error", err)
	}
}
