package main

import (
	"crypto/sha256"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
)

func TestErrorsNameTheNextStep(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	hash := func(token string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(token))) }
	admin := serving(t, fmt.Sprintf(`, tokens: [{name: ops, sha256: %s}, {name: looker, role: read, sha256: %s}]}
storage: {driver: memory}
data_dir: %q
ports: {http: 18500-18599, grpc: 18600-18699}
instances: [{name: alpine-bank}]
`, hash("operates"), hash("reads"), dir))
	at := []string{envAdminURL + "=" + admin}
	as := func(token string) []string { return append(at[:1:1], envAdminToken+"="+token) }
	write(t, dir+"/key.yaml", "storge: {driver: memory}\n")
	write(t, dir+"/taken.yaml", fmt.Sprintf("admin: {listen: '%s'}\nstorage: {driver: memory}\n", strings.TrimPrefix(admin, "http://")))
	write(t, dir+"/file", "")
	// A file stands where the directory is to be, which stops the superuser too.
	write(t, dir+"/directory.yaml", fmt.Sprintf("admin: {listen: '127.0.0.1:%d'}\ndata_dir: %s/file/data\n", freeAdminPort(t), dir))
	write(t, dir+"/verified.yaml", fmt.Sprintf("data_dir: %s/books\ninstances: [{name: alpine-bank}]\n", dir))
	for name, c := range map[string]struct {
		line string
		env  []string
		says string // what is wrong
		next string // and what to do
	}{
		"no supervisor":        {fmt.Sprintf("instance list --admin http://127.0.0.1:%d", freeAdminPort(t)), nil, "connection refused", "try: start it with: custodian serve --config FILE; or correct its address in --admin"},
		"no such host":         {"instance list --admin http://nowhere.invalid", nil, "nowhere.invalid", "try: correct its address"},
		"not by TLS":           {"instance list --admin " + strings.Replace(admin, "http", "https", 1), nil, "HTTP response to HTTPS client", "http:// there"},
		"no token":             {"instance list", at, "this needs a token", "try: set " + envAdminToken},
		"wrong token":          {"instance list", as("guessed"), "the token is not one that is let in", "try: set " + envAdminToken},
		"role that may not":    {"instance drain alpine-bank", as("reads"), "needs the role operate", "try: use a token whose role"},
		"name misspelt":        {"instance drain alpine-bnk", as("operates"), `no instance "alpine-bnk"`, `did you mean "alpine-bank"?`},
		"name of none":         {"instance show q", as("operates"), `no instance "q"`, "try: custodian instance list"},
		"name to verify":       {"verify --config " + dir + "/verified.yaml --instance alpine-bonk", nil, `no instance "alpine-bonk"`, `did you mean "alpine-bank"?`},
		"restored as it runs":  {"instance restore alpine-bank " + dir + "/file", as("operates"), "is running; drain it", "try: --restart"},
		"removed from a file":  {"instance remove alpine-bank", as("operates"), "managed by a configuration file", "remove it there"},
		"added again":          {"instance add alpine-bank", as("operates"), "exists already", "it is running"},
		"nowhere to put it":    {"instance snapshot alpine-bank --to " + dir + "/absent/books", as("operates"), "/absent: no such file or directory", "try: give a file as --to"},
		"key misspelt":         {"serve --config " + dir + "/key.yaml", nil, "key.yaml:1: storge", "did you mean storage?"},
		"port that is taken":   {"serve --config " + dir + "/taken.yaml", nil, "admin.listen: address " + strings.TrimPrefix(admin, "http://") + " is taken", "choose another port"},
		"data_dir that cannot": {"serve --config " + dir + "/directory.yaml", nil, dir + "/file", "try: custodian doctor"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := command(t, "", c.env, strings.Fields(c.line)...)
			if got.code == codeOK || !strings.Contains(got.err, c.says) || !strings.Contains(got.err, c.next) || got.out != "" {
				t.Errorf("exit code %d, want %q and %q:\n%s%s", got.code, c.says, c.next, got.out, got.err)
			}
			if lines := strings.Count(got.err, "\n"); lines > 2 || strings.Contains(got.err, "guessed") {
				t.Errorf("want what is wrong and the next step, in two lines:\n%s", got.err)
			}
		})
	}
}

func TestAPortOfAnInstanceThatIsTakenIsNamed(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	port := taken.Addr().(*net.TCPAddr).Port
	admin := serving(t, fmt.Sprintf("}\nstorage: {driver: memory}\ndata_dir: %q\nports: {http: 18700-18799, grpc: 18800-18899}\n", t.TempDir()))
	got := command(t, "", []string{envAdminURL + "=" + admin}, "instance", "add", "alpine-bank", "--http-port", fmt.Sprint(port))
	if got.code != codeFailed || !strings.Contains(got.err, fmt.Sprint(port)) || !strings.Contains(got.err, "taken") {
		t.Errorf("exit code %d: %s%s", got.code, got.out, got.err)
	}
}

func TestNobodySeesColoursInAPipe(t *testing.T) {
	t.Parallel()
	scripts := []string{"scenario", "run", "../../testdata/scenarios"}
	if files, err := os.ReadDir(scripts[2]); err != nil || len(files) == 0 {
		t.Fatal("there are no scripts", err)
	}
	if got := command(t, "", nil, scripts...); strings.Contains(got.out+got.err, "\x1b") || !strings.Contains(got.out, "ok    ") {
		t.Errorf("got %q", got.out)
	}
	if got := command(t, "", []string{"CLICOLOR_FORCE=1"}, scripts...); !strings.Contains(got.out, "\x1b[32mok   \x1b[0m ") {
		t.Errorf("forced: %q", got.out)
	}
}
