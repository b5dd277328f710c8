package config

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

func planned(instances ...Instance) Config {
	c := Default()
	c.Ports.HTTP, c.Ports.GRPC = PortRange{8080, 8084}, PortRange{9000, 9004}
	c.Instances = instances
	return c
}

func TestPlanAllocatesInTheOrderOfNamesAroundWhatIsTaken(t *testing.T) {
	t.Parallel()
	c := planned(Instance{Name: "c"}, Instance{Name: "a"}, Instance{Name: "b", HTTPPort: 8081, GRPCPort: 9000})
	c.Admin.Listen = "127.0.0.1:8080"
	got, problems := Plan(c, nil)
	want := map[string]PortPair{"a": {8082, 9001}, "b": {8081, 9000}, "c": {8083, 9002}}
	if !reflect.DeepEqual(got, want) || problems != nil {
		t.Errorf("got %v %v, want %v", got, problems, want)
	}
}

func TestPlanKeepsThePortsOfThoseThatHaveThem(t *testing.T) {
	t.Parallel()
	c := planned(Instance{Name: "b"}, Instance{Name: "c"})
	first, _ := Plan(c, nil)
	// One that sorts before them, one that leaves, one that asks for a port of
	// the other.
	c.Instances = []Instance{{Name: "a"}, {Name: "b"}, {Name: "d", HTTPPort: 8081}}
	got, problems := Plan(c, first)
	want := map[string]PortPair{"a": {8082, 9002}, "b": {8080, 9000}, "d": {8081, 9003}}
	if !reflect.DeepEqual(got, want) || problems != nil {
		t.Errorf("got %v %v, want %v", got, problems, want)
	}
}

func TestPlanGivesWayToAnExplicitPort(t *testing.T) {
	t.Parallel()
	c := planned(Instance{Name: "a"}, Instance{Name: "b", HTTPPort: 8080})
	got, problems := Plan(c, map[string]PortPair{"a": {8080, 9000}})
	want := map[string]PortPair{"a": {8081, 9000}, "b": {8080, 9001}}
	if !reflect.DeepEqual(got, want) || problems != nil {
		t.Errorf("got %v %v, want %v", got, problems, want)
	}
}

func TestPlanNamesBothSidesOfAConflict(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		config Config
		want   string
	}{
		{"two instances", planned(Instance{Name: "a", HTTPPort: 81}, Instance{Name: "b", HTTPPort: 81}),
			`instances[1].http_port: port 81 of instance "b" is taken by http_port of instance "a"`},
		{"http and grpc", planned(Instance{Name: "a", HTTPPort: 81, GRPCPort: 81}),
			`instances[0].grpc_port: port 81 of instance "a" is taken by http_port of instance "a"`},
		{"admin", planned(Instance{Name: "a", GRPCPort: 7080}),
			`instances[0].grpc_port: port 7080 of instance "a" is taken by admin.listen`},
		{"range", planned(Instance{Name: "a", HTTPPort: 70000}),
			`instances[0].http_port: 70000 is out of range; allowed: 1 to 65535`},
		{"exhausted", planned(make([]Instance, 6)...), `ports.grpc: the range 9000-9004 is used up`},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for i := range c.config.Instances {
				if c.config.Instances[i].Name == "" {
					c.config.Instances[i].Name = fmt.Sprint("i", i)
				}
			}
			_, problems := Plan(c.config, nil)
			var all []string
			for _, p := range problems {
				all = append(all, p.String())
			}
			if got := strings.Join(all, "\n"); !strings.Contains(got, c.want) {
				t.Errorf("got %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestAdminPortIsFreeOnAnotherAddress(t *testing.T) {
	t.Parallel()
	c := planned(Instance{Name: "a", HTTPPort: 7080})
	c.Ports.Host = "10.0.0.5"
	if _, problems := Plan(c, nil); problems != nil {
		t.Error(problems)
	}
	for _, host := range []string{"0.0.0.0", "::", "localhost"} {
		c.Ports.Host = host
		if _, problems := Plan(c, nil); len(problems) != 1 {
			t.Errorf("%s: got %v, want one conflict", host, problems)
		}
	}
}

func TestTheSystemMayChooseThePortOfTheAdminAPI(t *testing.T) {
	t.Parallel()
	for listen, says := range map[string]string{
		"127.0.0.1:0": "", "localhost:0": "", "[::1]:0": "",
		":0":              "is reachable from other machines",
		"0.0.0.0:0":       "is reachable from other machines",
		"127.0.0.1:":      "between 1 and 65535, or 0 for one that the system chooses",
		"127.0.0.1:65536": "between 1 and 65535, or 0 for one that the system chooses",
	} {
		_, err := Load(Options{Env: []string{"CUSTODIAN_ADMIN_LISTEN=" + listen}})
		if (err != nil) != (says != "") || (err != nil && !strings.Contains(err.Error(), says)) {
			t.Errorf("%s: %v", listen, err)
		}
	}
}
