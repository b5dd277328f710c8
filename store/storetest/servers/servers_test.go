//go:build unix

package servers

import (
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

func TestVersionIsReadFromWhatServersPrint(t *testing.T) {
	t.Parallel()
	for output, want := range map[string]struct {
		version string
		major   int
	}{
		"postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n":             {"15.18", 15},
		"postgres (PostgreSQL) 18beta1\n":                                    {"18beta1", 18},
		"Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64": {"7.0.15", 7},
		"Redis server v=255.255.255 sha=1":                                   {"255.255.255", 255},
		"command not found":                                                  {"", 0},
		"":                                                                   {"", 0},
	} {
		version, major := parseVersion(output)
		if version != want.version || major != want.major {
			t.Errorf("parseVersion(%q) = %q, %d; want %q, %d", output, version, major, want.version, want.major)
		}
	}
}

func TestMajorIsReadFromAPackagesDirectory(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]int{
		"/usr/lib/postgresql/9.6/bin":             9,
		"/usr/lib/postgresql/16/bin":              16,
		"/opt/homebrew/opt/postgresql@17/bin":     17,
		"/usr/lib/postgresql/no-number-here/bin/": 0,
	} {
		if got := majorInPath(path); got != want {
			t.Errorf("majorInPath(%q) = %d, want %d", path, got, want)
		}
	}
}

func TestPortsStayBelowTheRangeForOutgoingConnections(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][2]int{
		"":                {portMin, portMaxAny},
		"32768\t60999\n":  {portMin, portMaxAny},
		"20000 60999":     {portMin, 19999},
		"50000 60999":     {portMin, portMaxAny},
		"1024 65535":      {portMin, portMaxAny}, // nothing is below it
		"not a port here": {portMin, portMaxAny},
	} {
		if low, high := portRange(text); low != want[0] || high != want[1] {
			t.Errorf("portRange(%q) = %d, %d; want %d, %d", text, low, high, want[0], want[1])
		}
	}
}

func TestFreePortsAreFreeAndNeverRepeat(t *testing.T) {
	t.Parallel()
	const workers, each = 4, 25
	ports := make(chan int, workers*each)
	var wg sync.WaitGroup
	for range workers {
		wg.Go(func() {
			for range each {
				port, err := FreePort()
				if err != nil {
					t.Error(err)
					return
				}
				ports <- port
			}
		})
	}
	wg.Wait()
	close(ports)
	seen := make(map[int]bool)
	for port := range ports {
		if seen[port] {
			t.Errorf("port %d was handed out twice", port)
		}
		seen[port] = true
		if port < portMin || port > portMaxAny {
			t.Errorf("port %d is outside %d to %d", port, portMin, portMaxAny)
		}
	}
	port, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp4", "127.0.0.1:"+strconv.Itoa(port))
	if err != nil {
		t.Fatalf("a free port does not bind: %v", err)
	}
	_ = listener.Close()
}

func TestPostgresSyncsToDiskOnlyWhenAsked(t *testing.T) {
	t.Parallel()
	fast := postgresSettings(Options{})
	durable := postgresSettings(Options{Fsync: true})
	for _, want := range []string{"\nfsync = off\n", "\nfull_page_writes = off\n", "\nsynchronous_commit = on\n", "\nmax_connections = 200\n"} {
		if !strings.Contains(fast, want) {
			t.Errorf("settings lack %q:\n%s", want, fast)
		}
	}
	for _, want := range []string{"\nfsync = on\n", "\nfull_page_writes = on\n"} {
		if !strings.Contains(durable, want) {
			t.Errorf("durable settings lack %q:\n%s", want, durable)
		}
	}
}

func TestExtraSettingsComeLastSoThatTheyWin(t *testing.T) {
	t.Parallel()
	options := Options{ExtraConf: []string{"max_connections = 7", "jit = off"}}
	if got := postgresSettings(options); !strings.HasSuffix(got, "max_connections = 7\njit = off\n") {
		t.Errorf("PostgreSQL settings end with:\n%s", got)
	}
	options = Options{ExtraConf: []string{"maxmemory 10mb"}}
	if got := redisSettings("/somewhere", "secret", options); !strings.HasSuffix(got, "\nmaxmemory 10mb\n") {
		t.Errorf("Redis settings end with:\n%s", got)
	}
}

func TestRedisHasExactlyTheRestrictedUser(t *testing.T) {
	t.Parallel()
	settings := redisSettings("/some where", "secret", Options{})
	for _, want := range []string{
		"\nuser custodian-adapter on >custodian-pass ~custodian:* +@read +@write +@keyspace +ping -@dangerous\n",
		"\nuser default on >secret ~* &* +@all\n",
		"\ndir \"/some where\"\n",
		"\nappendonly no\n",
	} {
		if !strings.Contains(settings, want) {
			t.Errorf("settings lack %q:\n%s", want, settings)
		}
	}
	if durable := redisSettings("/d", "s", Options{Fsync: true}); !strings.Contains(durable, "\nappendonly yes\nappendfsync always\n") {
		t.Errorf("durable settings lack the append-only file:\n%s", durable)
	}
}

func TestTailBeginsWithAWholeLine(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "log")
	if got := tail(path, 10); !strings.Contains(got, "no such file") {
		t.Errorf("tail of an absent file = %q", got)
	}
	for content, want := range map[string]string{
		"":                       "(nothing)",
		"short\n":                "short\n",
		"first line\nlast one\n": "last one\n",
	} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := tail(path, 12); got != want {
			t.Errorf("tail(%q) = %q, want %q", content, got, want)
		}
	}
}

func TestDirectoryBehindAPrivateOneCannotBeEnteredByAnyone(t *testing.T) {
	t.Parallel()
	private := t.TempDir()
	if err := os.Chmod(private, 0o700); err != nil {
		t.Fatal(err)
	}
	inner := filepath.Join(private, "inner")
	if err := os.Mkdir(inner, 0o755); err != nil {
		t.Fatal(err)
	}
	if anyoneCanEnter(inner) {
		t.Errorf("%s lies in a private directory", inner)
	}
	if anyoneCanEnter(filepath.Join(private, "absent")) {
		t.Error("an absent directory can be entered")
	}
	if !anyoneCanEnter("/") {
		t.Error("the root directory cannot be entered")
	}
}

func TestServersDoNotSeeTheCallersSettings(t *testing.T) {
	t.Setenv("PGPORT", "1")
	for _, entry := range environment("/home/of/server") {
		if strings.HasPrefix(entry, "PG") {
			t.Errorf("%s leaks into the server", entry)
		}
	}
}

func TestProcessesOfTestsAreToldDifferentPorts(t *testing.T) {
	handedOut.Lock()
	left, locks := handedOut.left, handedOut.locks
	handedOut.left, handedOut.locks = nil, nil // as another process begins
	handedOut.Unlock()
	first, err := FreePort()
	if err != nil {
		t.Fatal(err)
	}
	handedOut.Lock()
	other := append([]int{first}, handedOut.left...)
	for _, port := range left {
		if slices.Contains(other, port) {
			t.Errorf("port %d is in two blocks", port)
		}
	}
	handedOut.left, handedOut.locks = append(left, handedOut.left...), append(locks, handedOut.locks...)
	handedOut.Unlock()
}
