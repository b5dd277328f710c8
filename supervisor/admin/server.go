package admin

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/access"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

// Timeouts of the server. Waits and streams lift them for themselves.
const (
	readHeaderTimeout = 10 * time.Second
	readTimeout       = time.Minute
	writeTimeout      = 2 * time.Minute
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 64 << 10
)

// Server is the port of the admin API. [Bind] opens it, or [Take] takes it over, [Server.Serve] serves
// it, [Server.Shutdown] ends that. All methods are safe for concurrent use.
type Server struct {
	host     string // as configured
	listener net.Listener
	http     *http.Server
	tls      atomic.Pointer[tls.Config] // nil without TLS
	context  context.Context
	end      context.CancelFunc
}

// Bind opens the port of the admin API and reads the files for TLS. Connections
// wait until [Server.Serve]. Its errors name the key at fault and read well in
// one line.
func Bind(ctx context.Context, c config.Admin, logger *slog.Logger) (*Server, error) {
	files, err := prepare(c)
	if err != nil {
		return nil, err
	}
	var binding net.ListenConfig
	listener, err := binding.Listen(ctx, "tcp", c.Listen)
	if errors.Is(err, syscall.EADDRINUSE) {
		return nil, fmt.Errorf("admin.listen: address %s is taken; is another supervisor running? Stop it or choose another port", c.Listen)
	}
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %w", err)
	}
	return newServer(c, files, listener, logger), nil
}

// Take is [Bind] with a port that is open already, such as systemd opens it before it
// starts the process. It has to be that of the configuration: who is let in depends on
// where it can be reached from. With an error the port is still the caller's.
func Take(listener net.Listener, c config.Admin, logger *slog.Logger) (*Server, error) {
	files, err := prepare(c)
	if err != nil {
		return nil, err
	}
	if !listensAt(listener.Addr(), c.Listen) {
		return nil, fmt.Errorf("admin.listen: the port that was handed over is %s, which is not %s: make both the same", listener.Addr(), c.Listen)
	}
	return newServer(c, files, listener, logger), nil
}

// prepare refuses to let in everybody from everywhere, and reads the files for TLS.
func prepare(c config.Admin) (*tls.Config, error) {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return nil, fmt.Errorf("admin.listen: %q is not host:port", c.Listen)
	}
	if !access.Loopback(host) && len(c.Tokens) == 0 && c.TLS.ClientCA == "" {
		return nil, fmt.Errorf("admin.listen: %s is reachable from other machines, and neither admin.tokens nor admin.tls.client_ca is set", c.Listen)
	}
	return c.Load()
}

// listensAt reports whether an address is the one that was configured. All addresses
// have several names.
func listensAt(addr net.Addr, configured string) bool {
	got, ok := addr.(*net.TCPAddr)
	host, port, err := net.SplitHostPort(configured)
	if !ok || err != nil || port != "0" && port != strconv.Itoa(got.Port) {
		return false
	}
	want := net.ParseIP(host)
	switch {
	case host == "" || want.IsUnspecified():
		return got.IP.IsUnspecified()
	case want == nil: // localhost
		return access.Loopback(host) && got.IP.IsLoopback()
	}
	return want.Equal(got.IP)
}

func newServer(c config.Admin, files *tls.Config, listener net.Listener, logger *slog.Logger) *Server {
	host, _, _ := net.SplitHostPort(c.Listen) // checked before
	s := &Server{host: host, listener: listener}
	s.context, s.end = context.WithCancel(context.Background())
	s.tls.Store(files)
	s.http = &http.Server{
		ReadHeaderTimeout: readHeaderTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout, IdleTimeout: idleTimeout,
		MaxHeaderBytes: maxHeaderBytes, ErrorLog: slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	return s
}

// URL returns the address by which the API can be called from this machine.
func (s *Server) URL() string {
	scheme := "http"
	if s.tls.Load() != nil {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return scheme + "://" + s.listener.Addr().String()
	}
	switch ip := net.ParseIP(host); {
	case ip == nil || !ip.IsUnspecified():
	case s.host == "::":
		host = "::1"
	default: // 0.0.0.0 or none; where there is IPv6, the listener calls it [::]
		host = "127.0.0.1"
	}
	return scheme + "://" + net.JoinHostPort(host, port)
}

// Addr returns host:port as configured, with the port that the system chose for 0.
func (s *Server) Addr() string {
	_, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return s.listener.Addr().String()
	}
	return net.JoinHostPort(s.host, port)
}

// Context ends when [Server.Shutdown] begins; it is for [Options].
func (s *Server) Context() context.Context { return s.context }

// Serve answers requests until [Server.Shutdown], after which it returns nil at
// once, or until the port fails. It is to be called once.
func (s *Server) Serve(h http.Handler) error {
	s.http.Handler = h
	var err error
	if s.tls.Load() == nil {
		err = s.http.Serve(s.listener)
	} else {
		s.http.TLSConfig = &tls.Config{
			MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"},
			GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) { return s.tls.Load(), nil },
		}
		err = s.http.ServeTLS(s.listener, "", "")
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serving the admin API: %w", err)
}

// Reload reads the files for TLS again, for new connections. With an error the
// old ones stay in use.
func (s *Server) Reload(c config.Admin) error {
	files, err := c.Load()
	if err != nil {
		return err
	}
	if (files == nil) != (s.tls.Load() == nil) {
		return errors.New("admin.tls cannot be switched on or off while the process runs; restart it for that")
	}
	s.tls.Store(files)
	return nil
}

// Shutdown ends streams and waits, lets other requests finish until ctx ends,
// and cuts off what is left then. It also releases a port that was never served.
func (s *Server) Shutdown(ctx context.Context) error {
	s.end()
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(fmt.Errorf("ending the admin API: %w", err), s.http.Close())
	}
	_ = s.listener.Close() // closed already, if it was served
	return err
}
