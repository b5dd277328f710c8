package client_test

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// against returns a client of a server that answers with h.
func against(t *testing.T, h http.HandlerFunc, o client.Options) *client.Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	o.URL = server.URL + o.URL
	c, err := client.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]client.Options{
		"no scheme":     {URL: "127.0.0.1:7080"},
		"other scheme":  {URL: "ftp://127.0.0.1"},
		"no host":       {URL: "http://"},
		"user":          {URL: "http://me:secret@127.0.0.1:7080"},
		"query":         {URL: "http://127.0.0.1:7080?x=1"},
		"broken":        {URL: "http://[::1"},
		"two words":     {Token: "a b"},
		"a line's end":  {Token: "secret\n"},
		"letters, odd":  {Token: "sécret"},
		"a null letter": {Token: "secret\x00"},
	} {
		_, err := client.New(o)
		if err == nil || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	c, err := client.New(client.Options{})
	if err != nil || c.URL() != client.DefaultURL {
		t.Errorf("no options: %v", err)
	}
}

func TestTokenGoesToTheServerAndNowhereElse(t *testing.T) {
	t.Parallel()
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("the redirection was followed") }))
	t.Cleanup(elsewhere.Close)
	c := against(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" || r.URL.Path != "/behind/a/proxy/version" || r.UserAgent() != "test/1" {
			t.Errorf("got %s with %v", r.URL, r.Header)
		}
		http.Redirect(w, r, elsewhere.URL, http.StatusFound)
	}, client.Options{URL: "/behind/a/proxy/", Token: "secret", UserAgent: "test/1"})
	_, err := c.Version(t.Context())
	if e, ok := errors.AsType[*client.Error](err); !ok || e.Status != http.StatusFound {
		t.Errorf("got %v", err)
	}
}

func TestAnswersOfOthersAreErrorsThatSaySo(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		status int
		body   string
		says   string
	}{
		"a proxy's error":  {502, "<html>bad gateway</html>", "502 Bad Gateway, and not as the admin API does"},
		"no body":          {404, "", "404 Not Found, and not as"},
		"another's JSON":   {400, `{"error":"x"}`, "400 Bad Request, and not as"},
		"a page":           {200, "<html>welcome</html>", "not the admin API's"},
		"a problem":        {409, `{"code":"conflict","detail":"taken by one","status":409}`, "taken by one"},
		"a problem, field": {422, `{"code":"invalid_request","detail":"is wrong","field":"grace"}`, "grace: is wrong"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := against(t, func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Retry-After", "7")
				w.WriteHeader(test.status)
				_, _ = w.Write([]byte(test.body))
			}, client.Options{})
			_, err := c.Version(t.Context())
			if err == nil || !strings.Contains(err.Error(), test.says) || strings.Contains(err.Error(), "\n") {
				t.Fatalf("got %v", err)
			}
			e, ok := errors.AsType[*client.Error](err)
			if ok != (test.status != 200) || ok && (e.Status != test.status || e.RetryAfter != 7*time.Second || e.BadInput() != (test.status == 400 || test.status == 422)) {
				t.Errorf("got %+v", e)
			}
		})
	}
}

func TestServerThatIsNotThereIsNamed(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	c, err := client.New(client.Options{URL: server.URL, Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Instances(t.Context())
	e, ok := errors.AsType[*client.UnreachableError](err)
	if !ok || e.URL != server.URL || !strings.HasPrefix(e.Error(), "no answer from the admin API at "+server.URL+": ") || strings.Contains(e.Error(), "secret") {
		t.Errorf("got %v", err)
	}
}

func TestServerThatHangsUpOverACertificateIsExplained(t *testing.T) {
	t.Parallel()
	for text, explained := range map[string]bool{
		"remote error: tls: certificate required":                   true,
		"write tcp: remote error: tls: bad certificate":             true,
		"http2: client conn could not be established":               true,
		"tls: failed to verify certificate: x509: unknown issuer":   false,
		"dial tcp: lookup nowhere: no such host":                    false,
		"remote error: tls: protocol version not supported, or not": false,
	} {
		err := &client.UnreachableError{URL: "https://there", Err: errors.New(text)}
		if got := strings.Contains(err.Error(), "client certificate"); got != explained {
			t.Errorf("%q is reported as %q", text, err)
		}
	}
}

func TestEndlessAnswersAreCutOff(t *testing.T) {
	t.Parallel()
	c := against(t, func(w http.ResponseWriter, _ *http.Request) {
		chunk := make([]byte, 1<<20)
		for {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}, client.Options{})
	if _, err := c.Instances(t.Context()); err == nil || !strings.Contains(err.Error(), "more than") {
		t.Errorf("got %v", err)
	}
}

func TestFilesForTLSThatAreWrongAreNamed(t *testing.T) {
	t.Parallel()
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for says, files := range map[string]client.TLSFiles{
		"/nowhere":             {CA: "/nowhere"},
		"holds no certificate": {CA: empty},
		"both":                 {Cert: empty},
		"with the key":         {Cert: empty, Key: empty},
	} {
		if _, err := files.Config(); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%+v: %v", files, err)
		}
	}
	if got, err := (client.TLSFiles{}).Config(); got != nil || err != nil {
		t.Errorf("no files: %v, %v", got, err)
	}
}
