//go:build integration

package main

import (
	"math/rand/v2"
	"net"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/store/storetest/servers"
)

// ports are where a session has what is documented to listen on others: two windows, below
// those that tests get from [servers.FreePort].
type ports struct{ http, grpc int }

const (
	windows      = 37
	httpWindow   = 10300 // and 100 more for each further session
	grpcWindow   = 3000
	firstHTTP    = 8080
	firstAdmin   = 7080
	adminsBehind = 80 // in the window
	firstGRPC    = 50050
)

// freePorts returns windows in which nothing listens. The last port of one is kept for as long as
// the test lasts, so that no other test, of this process or another, takes the same.
func freePorts(t *testing.T) ports {
	t.Helper()
	for _, n := range rand.Perm(windows) {
		w := ports{httpWindow + 100*n, grpcWindow + 100*n}
		mark, err := listen(t, w.http+99)
		if err != nil {
			continue
		}
		if w.free(t) {
			t.Cleanup(func() { _ = mark.Close() })
			return w
		}
		_ = mark.Close()
	}
	t.Fatal("no hundred ports in a row are free")
	return ports{}
}

func (w ports) free(t *testing.T) bool {
	t.Helper()
	for n := range 99 {
		for _, port := range []int{w.http + n, w.grpc + n} {
			listener, err := listen(t, port)
			if err != nil {
				return false
			}
			_ = listener.Close() // nobody has connected
		}
	}
	return true
}

func listen(t *testing.T, port int) (net.Listener, error) {
	t.Helper()
	return (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:"+strconv.Itoa(port))
}

var (
	documentedPort = regexp.MustCompile(`\b(708\d|80[89]\d|81[0-4]\d|8999|50(0[5-9]|1[0-4])\d|50970)\b`)
	aNumber        = regexp.MustCompile(`\b[0-9]{4,5}\b`)
	beforePort     = regexp.MustCompile(`(?:(?:127\.0\.0\.1|0\.0\.0\.0|localhost|\[::\]):|(?:[Pp]ort|listen)"?(?:: ?|=)"?)$`)
	withoutWord    = regexp.MustCompile(`(://[\w-]+:)…(@[\w.]+:(?:5432|6379))`)
	serverAddress  = regexp.MustCompile(`\b(?:127\.0\.0\.1|localhost|db|postgres|redis):(5432|6379)\b`)
)

// place returns text with the ports of this session in place of those that are documented.
func (p *player) place(text string) string {
	text = documentedPort.ReplaceAllStringFunc(text, func(word string) string {
		port, _ := strconv.Atoi(word) // which it matches
		switch {
		case word == "8999":
			port = p.ports.http + adminsBehind - 1
		case word == "50970":
			port = p.ports.grpc + 98
		case port >= firstGRPC:
			port += p.ports.grpc - firstGRPC
		case port >= firstHTTP:
			port += p.ports.http - firstHTTP
		default:
			port += p.ports.http + adminsBehind - firstAdmin
		}
		p.placed[port] = true
		return strconv.Itoa(port)
	})
	text = withoutWord.ReplaceAllStringFunc(text, func(found string) string {
		word := servers.PostgresPassword
		if strings.HasSuffix(found, "6379") {
			word = servers.RedisPassword
		}
		return strings.Replace(found, leftOut, word, 1)
	})
	return serverAddress.ReplaceAllStringFunc(text, func(found string) string {
		switch {
		case p.postgres != nil && strings.HasSuffix(found, "5432"):
			return p.postgres.Addr()
		case p.redis != nil && strings.HasSuffix(found, "6379"):
			return p.redis.Addr()
		}
		return found
	})
}

// documented returns what was printed with the ports that are documented: in addresses, after
// their names, and those of this page in columns.
func (p *player) documented(printed string) string {
	printed = strings.ReplaceAll(printed, p.dir+"/", "")
	var b strings.Builder
	end := 0
	for _, at := range aNumber.FindAllStringIndex(printed, -1) {
		number, _ := strconv.Atoi(printed[at[0]:at[1]]) // digits
		before, after := printed[max(0, at[0]-20):at[0]], printed[at[1]:]
		column := (before == "" || strings.ContainsAny(before[len(before)-1:], " \t\n")) && (after == "" || strings.ContainsAny(after[:1], " \t\n"))
		if port, moved := p.ports.documented(number); moved && (beforePort.MatchString(before) || column && p.placed[number]) {
			b.WriteString(printed[end:at[0]] + strconv.Itoa(port))
			end = at[1]
		}
	}
	printed = b.String() + printed[end:]
	if p.postgres != nil {
		printed = strings.ReplaceAll(printed, p.postgres.Addr(), "127.0.0.1:5432")
	}
	if p.redis != nil {
		printed = strings.ReplaceAll(printed, p.redis.Addr(), "127.0.0.1:6379")
	}
	return printed
}

// documented returns which port is documented where this one is; false where none is.
func (w ports) documented(port int) (int, bool) {
	switch {
	case port >= w.http+adminsBehind && port < w.http+100:
		return port + firstAdmin - adminsBehind - w.http, true
	case port >= w.http && port < w.http+adminsBehind:
		return port + firstHTTP - w.http, true
	case port >= w.grpc && port < w.grpc+100:
		return port + firstGRPC - w.grpc, true
	}
	return 0, false
}
