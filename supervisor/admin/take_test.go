package admin_test

import (
	"log/slog"
	"net"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func TestAPortThatIsTakenOverIsTheConfiguredOne(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		open   string // the port that is handed over
		listen string // what is configured; PORT is its port
		says   string // "" where it is taken
	}{
		"the same":                     {"127.0.0.1:0", "127.0.0.1:PORT", ""},
		"by its name":                  {"127.0.0.1:0", "localhost:PORT", ""},
		"all of them":                  {":0", "0.0.0.0:PORT", ""},
		"all of them, by no name":      {"0.0.0.0:0", ":PORT", ""},
		"whichever there is":           {"127.0.0.1:0", "127.0.0.1:0", ""},
		"whichever, elsewhere":         {":0", "127.0.0.1:0", "make both the same"},
		"another port":                 {"127.0.0.1:0", "127.0.0.1:1", "which is not 127.0.0.1:1"},
		"more than is configured":      {":0", "127.0.0.1:PORT", "make both the same"},
		"more than is configured, too": {"0.0.0.0:0", "localhost:PORT", "make both the same"},
		"less than is configured":      {"127.0.0.1:0", "0.0.0.0:PORT", "make both the same"},
		"no address":                   {"127.0.0.1:0", "here", "is not host:port"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", test.open)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			_, port, err := net.SplitHostPort(listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			c := config.Admin{Listen: strings.ReplaceAll(test.listen, "PORT", port), Tokens: tokens("a")}
			server, err := admin.Take(listener, c, slog.New(slog.DiscardHandler))
			if test.says != "" {
				if err == nil || !strings.Contains(err.Error(), test.says) {
					t.Errorf("got %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if !strings.HasSuffix(server.URL(), "127.0.0.1:"+port) {
				t.Errorf("the API is said to be at %s", server.URL())
			}
			if err := server.Shutdown(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	open, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = open.Close() })
	if _, err := admin.Take(open, config.Admin{Listen: open.Addr().String()}, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), "reachable from other machines") {
		t.Errorf("everybody is let in: %v", err)
	}
}
