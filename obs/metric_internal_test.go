package obs

import (
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// What a reference tells of metrics is what scrapes get: each collector is in it, with
// its labels.
func TestTheMetricsAreThoseOfTheCollectors(t *testing.T) {
	t.Parallel()
	instance, process := &collectorSet{}, &collectorSet{}
	newInstance(instance, InstanceOptions{})
	newProcess(process)
	for name, test := range map[string]struct {
		set     *collectorSet
		defined []Metric
	}{"an instance": {instance, InstanceMetrics()}, "the process": {process, ProcessMetrics()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			described := describedBy(t, test.set)
			for _, m := range test.defined {
				labels, there := described[m.Name]
				if !there || !slices.Equal(labels, m.Labels) {
					t.Errorf("%s is defined with labels %q, described with %q (%t)", m.Name, m.Labels, labels, there)
				}
				delete(described, m.Name)
			}
			for name := range described {
				t.Errorf("%s is collected and not defined", name)
			}
			if len(test.defined) == 0 {
				t.Error("there are no metrics")
			}
		})
	}
}

func describedBy(t *testing.T, set *collectorSet) map[string][]string {
	t.Helper()
	descriptions := make(chan *prometheus.Desc, 200)
	set.Describe(descriptions)
	close(descriptions)
	out := make(map[string][]string)
	for d := range descriptions {
		m, ok := described(d)
		if !ok {
			t.Errorf("cannot read %s", d)
		}
		out[m.Name] = m.Labels
	}
	return out
}

// The types and labels that follow from names are those of what is collected.
func TestMetricsOfTheRuntimeAreThoseThatAreScraped(t *testing.T) {
	t.Parallel()
	families, err := NewRegistry().Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	known := make(map[string]Metric)
	for _, m := range append(RuntimeMetrics(), ProcessMetrics()...) {
		known[m.Name] = m
	}
	if len(families) < 20 {
		t.Errorf("only %d metrics were scraped", len(families))
	}
	for _, family := range families {
		m, there := known[family.GetName()]
		if want := strings.ToLower(family.GetType().String()); !there || m.Type != want {
			t.Errorf("%s is a %s, said to be %q", family.GetName(), want, m.Type)
		}
		for i, label := range family.GetMetric()[0].GetLabel() {
			if i >= len(m.Labels) || label.GetName() != m.Labels[i] {
				t.Errorf("%s has label %s, said to have %q", family.GetName(), label.GetName(), m.Labels)
			}
		}
	}
}

func TestUnitsFollowFromNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"http_request_duration_seconds": "seconds", "custodian_projection_events_total": "events",
		"process_resident_memory_bytes": "bytes", "custodian_positions_total": "", "custodian_engine_queue_depth": "",
	} {
		if got := (Metric{Name: name}).Unit(); got != want {
			t.Errorf("%s counts %q, want %q", name, got, want)
		}
	}
}
