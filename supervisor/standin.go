package supervisor

import (
	"crypto/tls"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
)

// standIn answers on the ports of an instance that waits to be started again.
// The ports are kept open for it, so without a stand-in callers would be let in
// and hang until it is back.
type standIn struct {
	http  *http.Server
	grpc  net.Listener
	ended guard.Group
}

// newStandIn answers on the ports that are open; either may be nil or closed. It
// speaks TLS if the instance does.
func newStandIn(httpPort, grpcPort *port, secure *tls.Config, report guard.Report) *standIn {
	s := &standIn{http: &http.Server{
		Handler: http.HandlerFunc(answerAway), ReadHeaderTimeout: headerTimeout, ReadTimeout: headerTimeout,
		WriteTimeout: headerTimeout, MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelDebug),
		TLSConfig: secure,
	}}
	// A port that cannot be leased has been closed; nobody can come then.
	if l, err := httpPort.lease(); err == nil {
		s.ended.Go("stand-in", report, func() { _ = serveHTTP(s.http, l) }) // ends with the lease
	}
	if l, err := grpcPort.lease(); err == nil {
		s.grpc = l
		s.ended.Go("stand-in", report, func() { turnAway(l) })
	}
	return s
}

// serveHTTP serves with TLS where the server has a configuration for it.
func serveHTTP(server *http.Server, l net.Listener) error {
	if server.TLSConfig == nil {
		return server.Serve(l)
	}
	return server.ServeTLS(l, "", "")
}

var errAway = &sim.Error{
	Code: sim.CodeUnavailable, RetryAfter: time.Second, Message: "this custodian is being started again",
}

func answerAway(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Connection", "close") // the next request may find the instance
	problem.Write(w, errAway)
}

// turnAway closes what comes in; gRPC clients take that for unavailable.
func turnAway(l net.Listener) {
	for {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		_ = conn.Close() // there is nobody to tell
	}
}

// end gives the ports back.
func (s *standIn) end() {
	_ = s.http.Close() // closes its lease, which cannot fail, and who is being answered
	if s.grpc != nil {
		_ = s.grpc.Close()
	}
	s.ended.Wait()
}
