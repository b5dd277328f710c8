package configs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

const kubernetes = "kubernetes"

// manifest is a resource, with the parts of those kinds that are looked at here.
type manifest struct {
	Kind     string
	Metadata struct {
		Name   string
		Labels map[string]string
	}
	Spec struct {
		ServiceName string                               `yaml:"serviceName"`
		Selector    yaml.Node                            `yaml:"selector"`
		PodSelector selector                             `yaml:"podSelector"`
		Ports       []struct{ Name string }              `yaml:"ports"`
		Template    struct{ Spec, Metadata podTemplate } `yaml:"template"`
		Ingress     []struct{ Ports []rulePort }         `yaml:"ingress"`
		Egress      []struct{ Ports []rulePort }         `yaml:"egress"`
		Endpoints   []struct {
			Port, Path    string
			HonorLabels   bool `yaml:"honorLabels"`
			Authorization struct{ Credentials struct{ Name, Key string } }
		} `yaml:"endpoints"`
		JobLabel string `yaml:"jobLabel"`
	}
}

type selector struct {
	MatchLabels map[string]string `yaml:"matchLabels"`
}

type rulePort struct {
	Protocol string
	Port     string
	EndPort  int `yaml:"endPort"`
}

// podTemplate is its metadata or its specification.
type podTemplate struct {
	Labels             map[string]string
	ServiceAccountName string `yaml:"serviceAccountName"`
	Grace              int    `yaml:"terminationGracePeriodSeconds"`
	Security           struct {
		RunAsNonRoot   bool                  `yaml:"runAsNonRoot"`
		SeccompProfile struct{ Type string } `yaml:"seccompProfile"`
	} `yaml:"securityContext"`
	Containers []container
	Volumes    []struct {
		Name      string
		ConfigMap struct{ Name string } `yaml:"configMap"`
		Secret    struct {
			SecretName string `yaml:"secretName"`
			Items      []struct{ Key, Path string }
		}
		EmptyDir map[string]string `yaml:"emptyDir"`
	}
}

type container struct {
	Image string
	Args  []string
	Env   []struct {
		Name      string
		ValueFrom struct {
			FieldRef struct {
				FieldPath string `yaml:"fieldPath"`
			} `yaml:"fieldRef"`
		} `yaml:"valueFrom"`
	}
	Ports []struct {
		Name string
		Port int `yaml:"containerPort"`
	}
	Startup   probe `yaml:"startupProbe"`
	Liveness  probe `yaml:"livenessProbe"`
	Readiness probe `yaml:"readinessProbe"`
	Lifecycle struct {
		PreStop struct{ Sleep struct{ Seconds int } } `yaml:"preStop"`
	}
	Security struct {
		Escalation   *bool `yaml:"allowPrivilegeEscalation"`
		ReadOnly     bool  `yaml:"readOnlyRootFilesystem"`
		Capabilities struct{ Drop []string }
	} `yaml:"securityContext"`
	Mounts []map[string]string `yaml:"volumeMounts"`
}

type probe struct {
	Get struct{ Path, Port string } `yaml:"httpGet"`
}

// kustomization is a file of that name.
type kustomization struct {
	APIVersion string `yaml:"apiVersion"`
	Kind       string
	Namespace  string
	Resources  []string
	Components []string
	Images     []struct {
		Name    string
		NewName string `yaml:"newName"`
		NewTag  string `yaml:"newTag"`
	}
	Replicas []struct {
		Name  string
		Count int
	}
	Generators []struct {
		Name, Behavior string
		Files          []string
		Options        struct {
			Stable bool `yaml:"disableNameSuffixHash"`
			Labels map[string]string
		}
	} `yaml:"configMapGenerator"`
}

func kustomized(t *testing.T, directory string) kustomization {
	t.Helper()
	var k kustomization
	decode(t, filepath.Join(kubernetes, directory, "kustomization.yaml"), &k)
	return k
}

// manifests reads what directories list, by kind; of each kind the last one.
func manifests(t *testing.T, directories ...string) map[string]manifest {
	t.Helper()
	all := map[string]manifest{}
	for _, directory := range directories {
		for _, file := range kustomized(t, directory).Resources {
			path := filepath.Join(kubernetes, directory, file)
			if !strings.HasSuffix(file, ".yaml") {
				exists(t, filepath.Join(path, "kustomization.yaml"))
				continue
			}
			decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, path))))
			for {
				var m manifest
				err := decoder.Decode(&m)
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil || m.Metadata.Name == "" {
					t.Fatalf("%s: %v, name %q", path, err, m.Metadata.Name)
				}
				all[m.Kind] = m
			}
		}
	}
	return all
}

func TestManifestsThatAreThereAreListed(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{"base/secret.yaml": true} // a pattern
	for _, directory := range []string{"base", "monitoring", "example"} {
		k := kustomized(t, directory)
		listed[directory+"/kustomization.yaml"] = true
		for _, file := range k.Resources {
			listed[filepath.Join(directory, file)] = true
		}
		for _, g := range k.Generators {
			if !g.Options.Stable {
				t.Errorf("%s: the ConfigMap gets a new name with each change, which restarts all pods", directory)
			}
			for _, file := range g.Files {
				exists(t, filepath.Join(kubernetes, directory, file))
				listed[filepath.Join(directory, file)] = true
			}
		}
		for _, c := range k.Components {
			exists(t, filepath.Join(kubernetes, directory, c, "kustomization.yaml"))
		}
	}
	files, err := filepath.Glob(kubernetes + "/*/*")
	if err != nil || len(files) < 10 {
		t.Fatalf("%v, %v", files, err)
	}
	for _, file := range files {
		if name, _ := filepath.Rel(kubernetes, file); !listed[name] {
			t.Errorf("%s is applied by nothing", file)
		}
	}
}

func pod(t *testing.T) (manifest, podTemplate, container) {
	t.Helper()
	set := manifests(t, "base")["StatefulSet"]
	if len(set.Spec.Template.Spec.Containers) != 1 {
		t.Fatalf("%d containers", len(set.Spec.Template.Spec.Containers))
	}
	return set, set.Spec.Template.Spec, set.Spec.Template.Spec.Containers[0]
}

func TestManifestsFindEachOther(t *testing.T) {
	t.Parallel()
	all := manifests(t, "base", "monitoring")
	set, spec, c := pod(t)
	labels := set.Spec.Template.Metadata.Labels
	for _, kind := range []string{"StatefulSet", "PodDisruptionBudget", "NetworkPolicy", "ServiceMonitor"} {
		var s selector
		if kind == "NetworkPolicy" {
			s = all[kind].Spec.PodSelector
		} else if err := decodeNode(all, kind, &s); err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(s.MatchLabels, labels) {
			t.Errorf("%s selects %v, the pods have %v", kind, s.MatchLabels, labels)
		}
	}
	var chosen map[string]string
	if err := decodeNode(all, "Service", &chosen); err != nil || !maps.Equal(chosen, labels) || !maps.Equal(all["Service"].Metadata.Labels, labels) {
		t.Errorf("Service selects %v and is %v, the pods have %v: %v", chosen, all["Service"].Metadata.Labels, labels, err)
	}
	if set.Spec.ServiceName != all["Service"].Metadata.Name || spec.ServiceAccountName != all["ServiceAccount"].Metadata.Name {
		t.Errorf("service %q, account %q", set.Spec.ServiceName, spec.ServiceAccountName)
	}
	monitor := all["ServiceMonitor"].Spec
	var shipped scrapeFile
	decode(t, "prometheus/prometheus.yml", &shipped)
	if e := monitor.Endpoints[0]; e.Port != all["Service"].Spec.Ports[0].Name || e.Port != c.Ports[0].Name || !e.HonorLabels || e.Path != shipped.ScrapeConfigs[0].MetricsPath {
		t.Errorf("scrapes %+v", e)
	}
	if job := all["Service"].Metadata.Labels[monitor.JobLabel]; job != shipped.ScrapeConfigs[0].JobName {
		t.Errorf("the job is %q, the rules want %q", job, shipped.ScrapeConfigs[0].JobName)
	}
	if s := monitor.Endpoints[0].Authorization.Credentials; !strings.Contains(read(t, kubernetes+"/base/secret.yaml"), fmt.Sprintf("secret generic %s --from-file=%s=", s.Name, s.Key)) {
		t.Errorf("secret.yaml does not say how %+v is made", s)
	}
}

func decodeNode(all map[string]manifest, kind string, into any) error {
	node := all[kind].Spec.Selector
	return node.Decode(into)
}

func TestPodsAreProbedAndHaveTimeToDrain(t *testing.T) {
	t.Parallel()
	_, spec, c := pod(t)
	for _, p := range []struct {
		probe probe
		path  string
	}{{c.Startup, "/healthz"}, {c.Liveness, "/healthz"}, {c.Readiness, "/readyz"}} {
		if p.probe.Get.Path != p.path || p.probe.Get.Port != c.Ports[0].Name {
			t.Errorf("%+v, want %s of port %s", p.probe, p.path, c.Ports[0].Name)
		}
	}
	cfg := loads(t, nil, pods(t, "base")[0]...)
	if _, port, err := net.SplitHostPort(cfg.Admin.Listen); err != nil || port != strconv.Itoa(c.Ports[0].Port) {
		t.Errorf("admin.listen %s, port %d: %v", cfg.Admin.Listen, c.Ports[0].Port, err)
	}
	drain := c.Lifecycle.PreStop.Sleep.Seconds + int(cfg.Defaults.DrainGrace.Std().Seconds()) + 5 + 3
	if c.Lifecycle.PreStop.Sleep.Seconds < 1 || spec.Grace <= drain {
		t.Errorf("%d s, and a drain may take %d s", spec.Grace, drain)
	}
}

func TestPodsMayDoLittle(t *testing.T) {
	t.Parallel()
	_, spec, c := pod(t)
	if s := spec.Security; !s.RunAsNonRoot || s.SeccompProfile.Type != "RuntimeDefault" {
		t.Errorf("%+v", s)
	}
	if s := c.Security; s.Escalation == nil || *s.Escalation || !s.ReadOnly || !slices.Equal(s.Capabilities.Drop, []string{"ALL"}) {
		t.Errorf("%+v", s)
	}
	volumes := map[string]bool{}
	for _, v := range spec.Volumes {
		volumes[v.Name] = v.EmptyDir != nil // what can be written to
		if v.EmptyDir != nil && v.EmptyDir["sizeLimit"] == "" {
			t.Errorf("%s may fill the node's disk", v.Name)
		}
	}
	cfg := loads(t, nil, pods(t, "base")[0]...)
	writable := []string{}
	for _, m := range c.Mounts {
		w, known := volumes[m["name"]]
		if !known || w == (m["readOnly"] == "true") {
			t.Errorf("%v of %v", m, volumes)
		}
		if w {
			writable = append(writable, m["mountPath"])
		}
	}
	slices.Sort(writable)
	if want := []string{"/tmp", cfg.DataDir}; !slices.Equal(writable, want) {
		t.Errorf("%v can be written to, want %v", writable, want)
	}
	if image := c.Image; image != kustomized(t, "example").Images[0].Name {
		t.Errorf("the example says which image is %q", image)
	}
	if tag := kustomized(t, "example").Images[0].NewTag; !pinned("custodian:" + tag) {
		t.Errorf("tag %q", tag)
	}
}

// pods returns the files of each pod's configuration: those of its arguments, where
// they are in the repository, the pattern of the secret last.
func pods(t *testing.T, directory string) [][]string {
	t.Helper()
	_, spec, c := pod(t)
	held := map[string]string{}
	for _, from := range []string{"base", directory} {
		for _, g := range kustomized(t, from).Generators {
			for _, file := range g.Files {
				held["/etc/custodian/"+file] = filepath.Join(kubernetes, from, file)
			}
		}
	}
	mounts := map[string]string{}
	for _, m := range c.Mounts {
		mounts[m["name"]] = m["mountPath"]
	}
	for _, v := range spec.Volumes {
		for _, item := range v.Secret.Items {
			held[mounts[v.Name]+"/"+item.Path] = kubernetes + "/base/secret.yaml"
			if how := fmt.Sprintf("secret generic %s --from-file=%s=", v.Secret.SecretName, item.Key); !strings.Contains(read(t, kubernetes+"/base/secret.yaml"), how) {
				t.Errorf("secret.yaml does not say %s", how)
			}
		}
		if v.ConfigMap.Name != "" && (v.ConfigMap.Name != kustomized(t, "base").Generators[0].Name || mounts[v.Name] != "/etc/custodian") {
			t.Errorf("ConfigMap %q at %s", v.ConfigMap.Name, mounts[v.Name])
		}
	}
	count := 1
	if directory != "base" {
		count = kustomized(t, directory).Replicas[0].Count
	}
	if c.Args[0] != "serve" || c.Env[0].ValueFrom.FieldRef.FieldPath != "metadata.name" {
		t.Errorf("%v with %+v", c.Args, c.Env)
	}
	list := make([][]string, count)
	for n := range list {
		for _, arg := range c.Args[1:] {
			path := strings.ReplaceAll(strings.TrimPrefix(arg, "--config="), "$("+c.Env[0].Name+")", fmt.Sprintf("custodian-%d", n))
			if held[path] == "" {
				t.Fatalf("pod %d: nothing is mounted as %s", n, path)
			}
			list[n] = append(list[n], held[path])
		}
	}
	if len(held) != count+2 {
		t.Errorf("%d pods and the files %v", count, held)
	}
	return list
}

func TestPodsStartWithConfigurationsThatGoTogether(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for n, files := range pods(t, "example") {
		cfg := loads(t, []string{fmt.Sprintf("CUSTODIAN_SERVICE_NAME=custodian-%d", n)}, files...)
		if cfg.Storage.Driver != config.StoragePostgres || !cfg.Storage.Postgres.Standby || cfg.Redis.Driver != config.RedisServer ||
			len(cfg.Admin.Tokens) != 2 || cfg.Admin.Tokens[1].Role != "read" || len(cfg.Defaults.APIKeys) != 1 || len(cfg.Instances) == 0 {
			t.Errorf("pod %d: %+v", n, cfg)
		}
		if host, _, _ := net.SplitHostPort(cfg.Admin.Listen); host != "0.0.0.0" || cfg.Ports.Host != "0.0.0.0" {
			t.Errorf("pod %d listens at %s and %s, where no other pod gets", n, cfg.Admin.Listen, cfg.Ports.Host)
		}
		for _, i := range cfg.Instances {
			if other, twice := seen[i.Name]; twice {
				t.Errorf("%s is one of pod %d and of pod %d", i.Name, other, n)
			}
			seen[i.Name] = n
		}
	}
	if len(seen) != 2 {
		t.Errorf("instances %v", seen)
	}
}

func TestNetworkPolicyLetsInWhereSupervisorsListen(t *testing.T) {
	t.Parallel()
	cfg := loads(t, nil, pods(t, "base")[0]...)
	policy := manifests(t, "base")["NetworkPolicy"].Spec
	var open []string
	for _, rule := range policy.Ingress {
		for _, p := range rule.Ports {
			text := p.Port
			if p.EndPort != 0 {
				text += "-" + strconv.Itoa(p.EndPort)
			}
			open = append(open, text)
		}
	}
	if want := []string{fmt.Sprint(cfg.Ports.HTTP), fmt.Sprint(cfg.Ports.GRPC), "admin"}; !slices.Equal(open, want) {
		t.Errorf("lets in to %v, want %v", open, want)
	}
	leads := map[string]bool{}
	for _, p := range policy.Egress[0].Ports {
		leads[p.Port] = true
	}
	for secret, port := range map[string]string{cfg.Storage.Postgres.URL.Reveal(): "5432", cfg.Redis.URL.Reveal(): "6379"} {
		if !leads[port] || !strings.Contains(secret, ":"+port+"/") {
			t.Errorf("leads to %v, not to %s", leads, port)
		}
	}
}
