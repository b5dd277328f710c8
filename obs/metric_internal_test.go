package obs

import (
	"strings"
	"testing"
)

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
