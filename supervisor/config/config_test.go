package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/profile"
)

func TestDefaultIsValid(t *testing.T) {
	t.Parallel()
	if err := Validate(Default()); err != nil {
		t.Error(err)
	}
}

func TestShippedConfigurations(t *testing.T) {
	t.Parallel()
	local, err := Load(Options{Files: []string{"../../configs/local.yaml"}})
	if err != nil {
		t.Fatalf("local.yaml: %v", err)
	}
	if len(local.Instances) != 3 || local.Storage.Driver != StorageSQLite || local.Redis.Driver != RedisEmbedded {
		t.Errorf("local.yaml: got %d instances on %s and %s", len(local.Instances), local.Storage.Driver, local.Redis.Driver)
	}
	kinds, err := Load(Options{Files: []string{"../../configs/custodians.yaml"}})
	if err != nil {
		t.Fatalf("custodians.yaml: %v", err)
	}
	var profiles []string
	for _, i := range kinds.Instances {
		profiles = append(profiles, i.Profile)
		if _, err := kinds.Resolve(i).Rules(); err != nil {
			t.Errorf("custodians.yaml: %s: %v", i.Name, err)
		}
	}
	slices.Sort(profiles)
	if !slices.Equal(profiles, slices.Sorted(slices.Values(profile.Names()))) {
		t.Errorf("custodians.yaml has the profiles %q, expected one of each", profiles)
	}
	shared := Options{Files: []string{"../../configs/postgres.yaml"}}
	if _, err := Load(shared); err == nil || !strings.Contains(err.Error(), "storage.postgres.url: is required") ||
		!strings.Contains(err.Error(), "redis.url: is required") {
		t.Errorf("postgres.yaml without servers: got %v", err)
	}
	shared.Env = []string{"CUSTODIAN_STORAGE_POSTGRES_URL=postgres://u:p@h/d", "CUSTODIAN_REDIS_URL=redis://u:p@h/0"}
	if _, err := Load(shared); err != nil {
		t.Errorf("postgres.yaml: %v", err)
	}
}

func TestUnnamedInstanceHasTheOldNames(t *testing.T) {
	t.Parallel()
	for _, env := range [][]string{
		nil,
		{"SERVICE_INSTANCE_NAME="},
		{"SERVICE_INSTANCE_NAME=custodian-simulator"},
		{"SERVICE_INSTANCE_NAME=my-kind", "SERVICE_NAME=my-kind"},
	} {
		c, err := Load(Options{Env: env})
		if err != nil {
			t.Fatal(err)
		}
		i := c.Resolve(c.Instances[0])
		if len(c.Instances) != 1 || i.Name != UnnamedInstance || i.Schema != "custodian" || i.RedisPrefix != "custodian:" ||
			i.HTTPPort != 8080 || i.GRPCPort != 50051 || i.Storage.Driver != StorageSQLite || i.Redis.Driver != RedisEmbedded {
			t.Errorf("%v: got %+v", env, i)
		}
	}
}

func TestEveryProcessKeyHasItsVariable(t *testing.T) {
	t.Parallel()
	names := strings.Join(EnvNames(), " ")
	for _, want := range []string{
		"CUSTODIAN_ADMIN_LISTEN", "CUSTODIAN_ADMIN_TLS_CLIENT_CA", "CUSTODIAN_ADMIN_TOKENS", "CUSTODIAN_DATA_DIR", "CUSTODIAN_LOG_LEVEL",
		"CUSTODIAN_STORAGE_DRIVER", "CUSTODIAN_STORAGE_POSTGRES_URL", "CUSTODIAN_STORAGE_POSTGRES_MAX_CONNECTIONS",
		"CUSTODIAN_PORTS_HTTP", "CUSTODIAN_DEFAULTS_DRAIN_GRACE", "CUSTODIAN_DEFAULTS_ACCOUNTS_AUTO_OPEN", "CUSTODIAN_REDIS_CACHE_TTL",
	} {
		if !strings.Contains(names, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if strings.Contains(names, "INSTANCES") {
		t.Error("instances cannot be set by a variable")
	}
}

func TestFlagsThatAreNotGivenChangeNothing(t *testing.T) {
	t.Parallel()
	flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
	AddFlags(flags)
	flags.String("other", "", "somebody else's")
	if err := flags.Parse([]string{"--other=x", "--log-level=debug"}); err != nil {
		t.Fatal(err)
	}
	got, err := Load(Options{Flags: flags, Env: []string{"CUSTODIAN_LOG_FORMAT=console", "CUSTODIAN_TOKEN=x"}, OtherEnv: []string{"CUSTODIAN_TOKEN"}})
	if err != nil {
		t.Fatal(err)
	}
	if got.Log != (Log{"debug", "console"}) || got.DataDir != Default().DataDir {
		t.Errorf("got %+v, %s", got.Log, got.DataDir)
	}
}

func TestFilesThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte("data_dir: "+strings.Repeat("x", maxDocumentBytes)), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Load(Options{Files: []string{filepath.Join(dir, "missing.yaml"), dir, large}})
	for _, want := range []string{"missing.yaml: cannot be read: no such file or directory", ": cannot be read: is a directory", "large.yaml: is too large"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestAliasesCannotExplode(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&b, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d, ", i-1), 10), ", "))
	}
	var r report
	if parseYAML([]byte(b.String()), "f", &r) != nil || len(r.list) != 1 || !strings.Contains(r.list[0].Message, "aliases") {
		t.Errorf("got %v", r.list)
	}
}

func TestReportsAreBounded(t *testing.T) {
	t.Parallel()
	body := "{" + strings.Repeat(`"k":1,`, 2000) + `"name":"a"}`
	for i := range 2000 {
		body = strings.Replace(body, `"k":`, fmt.Sprintf(`"k%d":`, i), 1)
	}
	_, err := ParseInstance([]byte(body))
	var problems *Problems
	if !errors.As(err, &problems) || len(problems.List) != maxProblems || problems.Omitted != 1500 {
		t.Fatalf("got %d problems and %d omitted", len(problems.List), problems.Omitted)
	}
	if !strings.HasSuffix(err.Error(), "\nand 1500 more") {
		t.Errorf("the text does not tell of the rest")
	}
}

func TestResolveFillsInDefaults(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Storage.Postgres.URL = "postgres://h/d"
	off := false
	i := c.Resolve(Instance{Name: "a", Settings: Settings{Seed: 7, Limits: Limits{Queue: 1}, Accounts: Accounts{&off}},
		Storage: InstanceStorage{Driver: StoragePostgres}, Redis: InstanceRedis{URL: "redis://h"}})
	if i.Seed != 7 || i.Limits.Queue != 1 || *i.Accounts.AutoOpen || i.Limits.MaxBatch != 512 || i.DrainGrace.Std() != 30*time.Second ||
		i.Storage.Postgres.URL != "postgres://h/d" || i.Redis.Driver != RedisServer || i.Profile != "instant" {
		t.Errorf("got %+v", i)
	}
	if again := c.Resolve(i); !reflect.DeepEqual(again, i) {
		t.Errorf("resolving twice: got %+v", again)
	}
}

func TestEncodingKeepsEverything(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{Files: []string{"../../configs/local.yaml"}})
	if err != nil {
		t.Fatal(err)
	}
	c.Instances[1].Storage = InstanceStorage{Driver: StoragePostgres, Postgres: InstancePostgres{URL: "postgres://u:hunter2@h/d"}}
	data, err := EncodeConfig(c)
	if err != nil {
		t.Fatal(err)
	}
	if back, err := ParseConfig(data); err != nil || !reflect.DeepEqual(back, c) || back.Hash() != c.Hash() {
		t.Errorf("configuration: got %+v, %v", back, err)
	}
	for _, i := range c.Instances {
		data, err := EncodeInstance(i)
		if err != nil {
			t.Fatal(err)
		}
		if back, err := ParseInstance(data); err != nil || InstanceHash(back) != InstanceHash(i) {
			t.Errorf("instance: got %+v, %v", back, err)
		}
	}
	// What others see reads back too, and gets its passwords from the original.
	public, err := json.Marshal(c)
	if err != nil || strings.Contains(string(public), "hunter2") {
		t.Fatalf("got %s, %v", public, err)
	}
	back, err := ParseConfig(public)
	if err != nil {
		t.Fatal(err)
	}
	if got := back.WithSecretsOf(c); !reflect.DeepEqual(got, c) {
		t.Errorf("got %+v", got)
	}
}

func TestSecretsAreHiddenHoweverPrinted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ url, want string }{
		{"postgres://u:hunter2@h:5432/d", "postgres://u:xxxxx@h:5432/d"},
		{"postgres://h/d?user=u&password=hunter2", "postgres://h/d?password=xxxxx&user=u"},
		{"redis://h:6379", "redis://h:6379"},
		{"postgres://u:12/hunter2@h/d", "xxxxx"},
		{"postgres://u:12#hunter2@h/d", "xxxxx"},
		{"postgres://u:12?hunter2@h/d", "xxxxx"},
		{"postgres://h/d?a;password=hunter2", "xxxxx"},
		{"host=h password=hunter2", "xxxxx"},
		{"", ""},
	} {
		s := Secret(c.url)
		for _, got := range []string{s.Redacted(), fmt.Sprint(s), fmt.Sprintf("%v %+v %#v %s %q", s, s, struct{ S Secret }{s}, s, s), s.LogValue().String()} {
			if strings.Contains(got, "hunter2") {
				t.Errorf("%s shows as %s", c.url, got)
			}
		}
		if s.Redacted() != c.want || s.Reveal() != c.url {
			t.Errorf("%s: got %s, want %s", c.url, s.Redacted(), c.want)
		}
	}
}

func TestDiffNamesWhatChanged(t *testing.T) {
	t.Parallel()
	a := Default()
	a.Instances = []Instance{{Name: "same"}, {Name: "gone"}, {Name: "touched"}, {Name: "own", Settings: Settings{DrainGrace: Duration(time.Second)}}}
	b := a
	b.Instances = []Instance{{Name: "new"}, {Name: "touched", HTTPPort: 1}, {Name: "same"}, {Name: "own", Settings: Settings{DrainGrace: Duration(time.Second)}}}
	b.Admin.Listen = "127.0.0.1:1"
	want := Changes{Added: []string{"new"}, Removed: []string{"gone"}, Changed: []string{"touched"}, Process: []string{"admin.listen"}}
	if got := Diff(a, b); !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	if got := Diff(a, a); !got.Empty() {
		t.Errorf("no change: got %+v", got)
	}
	c := a
	c.Defaults.DrainGrace = Duration(time.Minute)
	if got := Diff(a, c); !reflect.DeepEqual(got.Changed, []string{"gone", "same", "touched"}) {
		t.Errorf("a changed default: got %+v", got)
	}
}

func TestValidateSeesWhatWasPutTogetherInMemory(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Log.Level = "loud"
	c.Instances = []Instance{{Name: "a", HTTPPort: 70000, Settings: Settings{Restart: Restart{Initial: Duration(time.Hour)}}}}
	err := Validate(c)
	for _, want := range []string{"log.level: ", "instances[0].http_port: 70000 is out of range", "instances[0].restart: initial (1h) is longer than max (30s)"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	if err := Validate(Config{}); err == nil {
		t.Error("the zero configuration is accepted")
	}
}

func TestManyInstancesAreCheckedQuickly(t *testing.T) {
	t.Parallel()
	c := Default()
	c.Ports.HTTP, c.Ports.GRPC = PortRange{10000, 19999}, PortRange{20000, 29999}
	for i := range 10000 {
		c.Instances = append(c.Instances, Instance{Name: fmt.Sprintf("bank-%05d", i)})
	}
	if err := Validate(c); err != nil {
		t.Error(err)
	}
	c.Instances = append(c.Instances, Instance{Name: "one-too-many"})
	if err := Validate(c); err == nil || !strings.Contains(err.Error(), "instances: has 10001 entries; allowed: at most 10000") {
		t.Errorf("got %.200v", err)
	}
}

func TestDurationsReadAsWritten(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"500ms", "30s", "1m", "1m30s", "1h", "1h0m5s", "24h"} {
		var d Duration
		if err := d.UnmarshalText([]byte(text)); err != nil || d.String() != text {
			t.Errorf("%s: got %s, %v", text, d, err)
		}
	}
}
