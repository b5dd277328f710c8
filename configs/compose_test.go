package configs

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const docker = "docker"

// composed is a compose file, as far as ours goes.
type composed struct {
	Name     string
	Services map[string]*composedService
	Volumes  map[string]struct{}
	Secrets  map[string]struct{ File string }
}

type composedService struct {
	Build struct {
		Context string
		Args    map[string]string
	}
	Image       string
	Hostname    string
	Command     []string
	User        string
	ReadOnly    bool     `yaml:"read_only"`
	CapDrop     []string `yaml:"cap_drop"`
	SecurityOpt []string `yaml:"security_opt"`
	Tmpfs       []string
	Restart     string
	Grace       string    `yaml:"stop_grace_period"`
	ShmSize     string    `yaml:"shm_size"`
	DependsOn   yaml.Node `yaml:"depends_on"`
	Ports       []string
	Volumes     []string
	Secrets     []string
	Environment map[string]string
	Ulimits     map[string]int
	Healthcheck struct {
		Test              []string
		Interval, Timeout string
		Retries           int
	}
}

func compose(t *testing.T) composed {
	t.Helper()
	var c composed
	decode(t, docker+"/compose.yaml", &c)
	if len(c.Services) != 5 {
		t.Fatalf("%d services", len(c.Services))
	}
	return c
}

func TestComposedServicesMountWhatIsThere(t *testing.T) {
	t.Parallel()
	c := compose(t)
	used := map[string]bool{}
	for name, s := range c.Services {
		for _, mount := range s.Volumes {
			source, rest, _ := strings.Cut(mount, ":")
			used[source] = true
			switch _, volume := c.Volumes[source]; {
			case strings.HasPrefix(source, "."):
				exists(t, beside(docker, source))
				if !strings.HasSuffix(rest, ":ro") {
					t.Errorf("%s may write to %s", name, source)
				}
			case !volume:
				t.Errorf("%s: no volume %s", name, source)
			}
		}
		for _, secret := range s.Secrets {
			used[secret] = true
			if c.Secrets[secret].File == "" {
				t.Errorf("%s: no secret %s", name, secret)
			}
		}
		for _, value := range slices.Concat(s.Command, slices.Collect(maps.Values(s.Environment))) {
			if path, ok := strings.CutPrefix(value, "/run/secrets/"); ok && !slices.Contains(s.Secrets, path) {
				t.Errorf("%s: %s is a secret that it does not get", name, path)
			}
		}
	}
	for _, name := range slices.Concat(slices.Collect(maps.Keys(c.Volumes)), slices.Collect(maps.Keys(c.Secrets))) {
		if !used[name] {
			t.Errorf("%s is of use to nobody", name)
		}
	}
	entries, err := os.ReadDir(docker)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !used["./"+e.Name()] && !slices.Contains([]string{"compose.yaml", "secrets.sh", "secrets"}, e.Name()) {
			t.Errorf("%s is of use to nobody", e.Name())
		}
	}
	for directory, want := range map[string]string{"../grafana/dashboards": "fleet.json", "../prometheus": "rules.yml"} {
		exists(t, filepath.Join(docker, directory, want))
	}
	exists(t, beside(docker, c.Services["custodian"].Build.Context+"/Dockerfile"))
}

// What the images keep their data in, and where the settings for their first start are
// looked for.
func TestComposedServicesKeepTheirData(t *testing.T) {
	t.Parallel()
	s := compose(t).Services
	for name, mounts := range map[string][]string{
		"postgres":   {"postgres:/var/lib/postgresql/data", "./postgres.sh:/docker-entrypoint-initdb.d/custodian.sh:ro"},
		"redis":      {"redis:/data"},
		"prometheus": {"prometheus:/prometheus", "./prometheus.yml:/etc/prometheus/prometheus.yml:ro"},
		"grafana":    {"grafana:/var/lib/grafana"},
	} {
		for _, mount := range mounts {
			if !slices.Contains(s[name].Volumes, mount) {
				t.Errorf("%s: %s is not mounted, only %v", name, mount, s[name].Volumes)
			}
		}
	}
	for _, flag := range []string{"--config.file=/etc/prometheus/prometheus.yml", "--storage.tsdb.path=/prometheus"} {
		if !slices.Contains(s["prometheus"].Command, flag) {
			t.Errorf("prometheus is not told %s", flag)
		}
	}
	if want := []string{"redis-server", "--aclfile", "/run/secrets/redis_users", "--appendonly", "yes", "--maxmemory-policy", "noeviction"}; !slices.Equal(s["redis"].Command, want) {
		t.Errorf("redis: %v, want %v", s["redis"].Command, want)
	}
	for name, want := range map[string]map[string]string{
		"postgres": {"POSTGRES_PASSWORD_FILE": "/run/secrets/postgres_password"},
		"grafana": {
			"GF_SECURITY_ADMIN_PASSWORD__FILE": "/run/secrets/grafana_password", "GF_USERS_ALLOW_SIGN_UP": "false",
			"GF_ANALYTICS_REPORTING_ENABLED": "false", "GF_ANALYTICS_CHECK_FOR_UPDATES": "false", "GF_ANALYTICS_CHECK_FOR_PLUGIN_UPDATES": "false",
		},
	} {
		for key, value := range want {
			if got := s[name].Environment[key]; got != value {
				t.Errorf("%s: %s=%q, want %q", name, key, got, value)
			}
		}
	}
}

func TestComposedServicesAreKeptSmallAndToThisMachine(t *testing.T) {
	t.Parallel()
	published := map[string]int{"custodian": 3, "prometheus": 1, "grafana": 1}
	for name, s := range compose(t).Services {
		for _, port := range s.Ports {
			if !strings.HasPrefix(port, "127.0.0.1:") {
				t.Errorf("%s publishes %s to other machines", name, port)
			}
		}
		if len(s.Ports) != published[name] {
			t.Errorf("%s publishes %v", name, s.Ports)
		}
		// Those of the databases change to a user of their own when they start.
		if databases := name == "postgres" || name == "redis"; !databases && !slices.Equal(s.CapDrop, []string{"ALL"}) {
			t.Errorf("%s: drops %v", name, s.CapDrop)
		}
		image := strings.Replace(s.Image, "${VERSION:-unknown}", "v1", 1)
		if !pinned(image) {
			t.Errorf("%s: image %s has no version", name, s.Image)
		}
		if !slices.Contains(s.SecurityOpt, "no-new-privileges:true") || s.Restart == "" {
			t.Errorf("%s: %v, restart %q", name, s.SecurityOpt, s.Restart)
		}
	}
	c := compose(t).Services["custodian"]
	if c.User != "65532:65532" || !c.ReadOnly || !slices.Equal(c.Tmpfs, []string{"/tmp:mode=1777,size=256m"}) || c.Ulimits["nofile"] < 1<<16 {
		t.Errorf("custodian: %+v", c)
	}
	if c.Build.Args["VERSION"] != "${VERSION:-unknown}" || c.Image != "custodian:${VERSION:-unknown}" {
		t.Errorf("%s is built with %v", c.Image, c.Build.Args)
	}
}

// secrets runs secrets.sh.
func secrets(t *testing.T) (directory string) {
	t.Helper()
	directory = filepath.Join(t.TempDir(), "secrets")
	if out, err := exec.CommandContext(t.Context(), docker+"/secrets.sh", directory).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return directory
}

func sum(secret string) string {
	hash := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(hash[:])
}

func TestMadeSecretsOpenWhatTheyAreFor(t *testing.T) {
	t.Parallel()
	c, directory := compose(t), secrets(t)
	for name, s := range c.Secrets {
		if filepath.Dir(s.File) != "secrets" {
			t.Errorf("%s is %s", name, s.File)
		}
		exists(t, filepath.Join(directory, filepath.Base(s.File)))
	}
	info, err := os.Stat(directory)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: others get in", info.Mode(), err)
	}
	cfg := loads(t, nil, docker+"/custodian/custodian.yaml", directory+"/custodian.yaml")
	get := func(name string) string { return read(t, filepath.Join(directory, name)) }
	tokens := map[string]string{}
	for _, token := range cfg.Admin.Tokens {
		tokens[token.Name] = string(token.SHA256) + " " + token.Role // who has no role operates
	}
	if tokens["operator"] != sum(get("operator_token"))+" " || tokens["prometheus"] != sum(get("prometheus_token"))+" read" || len(tokens) != 2 {
		t.Errorf("tokens %v", tokens)
	}
	if keys := cfg.Defaults.APIKeys; len(keys) != 1 || string(keys[0].SHA256) != sum(get("desk_key")) {
		t.Errorf("keys %+v", keys)
	}
	var needs map[string]struct{ Condition string }
	waits := c.Services["custodian"].DependsOn
	if err := waits.Decode(&needs); err != nil {
		t.Fatal(err)
	}
	for secret, file := range map[string]string{cfg.Storage.Postgres.URL.Reveal(): "custodian_postgres_password", cfg.Redis.URL.Reveal(): "redis_users"} {
		u, err := url.Parse(secret)
		if err != nil {
			t.Fatal(err)
		}
		password, _ := u.User.Password()
		held := get(file)
		if held != password && !strings.Contains(held, "user "+u.User.Username()+" on #"+sum(password)+" ~custodian:* +@read +@write +@keyspace +ping -@dangerous\n") {
			t.Errorf("%s does not let in %s", file, u.User.Username())
		}
		switch other := c.Services[u.Hostname()]; {
		case other == nil:
			t.Errorf("no service is called %s", u.Hostname())
		case needs[u.Hostname()].Condition != "service_healthy" || len(other.Healthcheck.Test) < 2:
			t.Errorf("%s, which tells its health by %v, is not waited for", u.Hostname(), other.Healthcheck.Test)
		}
	}
	seen := map[string]bool{}
	for _, name := range []string{"postgres_password", "custodian_postgres_password", "grafana_password", "operator_token", "prometheus_token", "desk_key"} {
		if secret := get(name); len(secret) != 64 || seen[secret] {
			t.Errorf("%s is %q", name, secret)
		} else {
			seen[secret] = true
		}
	}
	if out, err := exec.CommandContext(t.Context(), docker+"/secrets.sh", directory).CombinedOutput(); err == nil {
		t.Errorf("made them again: %s", out)
	}
}

func TestComposedSupervisorRunsOnWhatIsPublished(t *testing.T) {
	t.Parallel()
	c, directory := compose(t).Services["custodian"], secrets(t)
	cfg := loads(t, nil, docker+"/custodian/custodian.yaml", directory+"/custodian.yaml")
	published := map[string]bool{}
	for _, port := range c.Ports {
		host, inside, _ := strings.Cut(strings.TrimPrefix(port, "127.0.0.1:"), ":")
		if host != inside {
			t.Errorf("%s is another port outside", port)
		}
		published[inside] = true
	}
	host, admin, err := net.SplitHostPort(cfg.Admin.Listen)
	if err != nil || host != "0.0.0.0" || cfg.Ports.Host != "0.0.0.0" {
		t.Errorf("listens at %s and %s, where nobody outside of the container gets: %v", cfg.Admin.Listen, cfg.Ports.Host, err)
	}
	if cfg.Storage.Driver != config.StoragePostgres || cfg.Redis.Driver != config.RedisServer || !cfg.Storage.Postgres.Standby {
		t.Errorf("%s, standby %t, and %s", cfg.Storage.Driver, cfg.Storage.Postgres.Standby, cfg.Redis.Driver)
	}
	if c.Hostname != "custodian" { // by which it is announced: the name of the service
		t.Errorf("others look for %q", c.Hostname)
	}
	if grace, err := time.ParseDuration(c.Grace); err != nil || grace <= cfg.Defaults.DrainGrace.Std()+8*time.Second {
		t.Errorf("stop_grace_period %s, and a drain may take %s and 8 s", c.Grace, cfg.Defaults.DrainGrace)
	}
	for _, want := range []string{admin, fmt.Sprint(cfg.Ports.HTTP), fmt.Sprint(cfg.Ports.GRPC)} {
		if !published[want] {
			t.Errorf("%s is not published, only %v", want, c.Ports)
		}
	}
	if len(published) != 3 {
		t.Errorf("published is %v", c.Ports)
	}
	for _, i := range cfg.Instances {
		if !within(published, i.HTTPPort) || !within(published, i.GRPCPort) {
			t.Errorf("%s: %d and %d are not published", i.Name, i.HTTPPort, i.GRPCPort)
		}
	}
	if want := []string{"serve", "--config", "/etc/custodian/custodian.yaml", "--config", "/run/secrets/custodian.yaml"}; !slices.Equal(c.Command, want) ||
		!slices.Contains(c.Volumes, "./custodian:/etc/custodian:ro") || !slices.Contains(c.Volumes, "custodian:"+cfg.DataDir) {
		t.Errorf("%v with %v", c.Command, c.Volumes)
	}
}

func within(ranges map[string]bool, port int) bool {
	for r := range ranges {
		from, to, ok := strings.Cut(r, "-")
		first, _ := strconv.Atoi(from)
		last, _ := strconv.Atoi(to)
		if ok && first <= port && port <= last {
			return true
		}
	}
	return false
}

// scrapeFile is a configuration of Prometheus, as far as ours goes.
type scrapeFile struct {
	RuleFiles     []string `yaml:"rule_files"`
	ScrapeConfigs []struct {
		JobName       string `yaml:"job_name"`
		HonorLabels   bool   `yaml:"honor_labels"`
		Interval      string `yaml:"scrape_interval"`
		MetricsPath   string `yaml:"metrics_path"`
		Authorization struct {
			CredentialsFile string `yaml:"credentials_file"`
		}
		StaticConfigs []struct{ Targets []string } `yaml:"static_configs"`
	} `yaml:"scrape_configs"`
}

func TestComposedPrometheusScrapesAsTheShippedOneDoes(t *testing.T) {
	t.Parallel()
	var shipped, ours scrapeFile
	decode(t, "prometheus/prometheus.yml", &shipped)
	decode(t, docker+"/prometheus.yml", &ours)
	service := compose(t).Services["prometheus"]
	if got := ours.ScrapeConfigs[0].StaticConfigs[0].Targets; !slices.Equal(got, []string{"custodian:7080"}) {
		t.Errorf("scrapes %v", got)
	}
	if token, ok := strings.CutPrefix(ours.ScrapeConfigs[0].Authorization.CredentialsFile, "/run/secrets/"); !ok || !slices.Contains(service.Secrets, token) {
		t.Errorf("%q is no secret of %v", token, service.Secrets)
	}
	ours.ScrapeConfigs[0].Authorization, ours.ScrapeConfigs[0].StaticConfigs = shipped.ScrapeConfigs[0].Authorization, shipped.ScrapeConfigs[0].StaticConfigs
	if fmt.Sprint(ours) != fmt.Sprint(shipped) {
		t.Errorf("%+v, want %+v", ours, shipped)
	}
	for _, file := range ours.RuleFiles { // beside the configuration
		if !slices.Contains(service.Volumes, "../prometheus/"+file+":/etc/prometheus/"+file+":ro") {
			t.Errorf("%s is not mounted", file)
		}
	}
}

func TestComposedGrafanaShowsTheDashboards(t *testing.T) {
	t.Parallel()
	var sources struct {
		Datasources []struct{ Name, UID, Type, URL string }
	}
	var boards struct {
		Providers []struct{ Options struct{ Path string } }
	}
	for file, into := range map[string]any{"datasources/prometheus.yml": &sources, "dashboards/custodian.yml": &boards} {
		if err := yaml.Unmarshal([]byte(read(t, docker+"/grafana/"+file)), into); err != nil {
			t.Fatal(err)
		}
	}
	s := compose(t).Services
	if len(sources.Datasources) != 1 || sources.Datasources[0].Type != "prometheus" || sources.Datasources[0].URL != "http://prometheus:9090" || s["prometheus"] == nil {
		t.Errorf("%+v", sources)
	}
	path := boards.Providers[0].Options.Path
	for _, want := range []string{"./grafana:/etc/grafana/provisioning:ro", "../grafana/dashboards:" + path + ":ro"} {
		if !slices.Contains(s["grafana"].Volumes, want) {
			t.Errorf("%s is not mounted", want)
		}
	}
	home, ok := strings.CutPrefix(s["grafana"].Environment["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"], path+"/")
	if !ok || !json.Valid([]byte(read(t, "grafana/dashboards/"+home))) {
		t.Errorf("no home dashboard %q", home)
	}
}
