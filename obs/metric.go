package obs

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/guard"
)

// Metric is one of the metrics that the program has, for a reference of them all.
type Metric struct {
	Name string
	// Type is counter, gauge, histogram or summary.
	Type string
	Help string
	// Labels are those beside the label of the instance.
	Labels []string
	// Values are those of the last label, where it has no others but other.
	Values []string
	// Buckets are the upper bounds of a histogram's.
	Buckets []float64
}

// Unit is what values count, as the name says it: seconds, bytes or events; empty
// where they count what the metric is of.
func (m Metric) Unit() string {
	name := strings.TrimSuffix(m.Name, "_total")
	for _, unit := range []string{"seconds", "bytes", "events"} {
		if strings.HasSuffix(name, "_"+unit) {
			return unit
		}
	}
	return ""
}

// InstanceMetrics returns the metrics of an instance, in the order in which they are
// made.
func InstanceMetrics() []Metric {
	set := &collectorSet{defined: &[]Metric{}}
	newInstance(set, InstanceOptions{})
	return *set.defined
}

// ProcessMetrics returns the metrics that the admin port has beside those of
// instances: the program's own.
func ProcessMetrics() []Metric {
	set := &collectorSet{defined: &[]Metric{}}
	newProcess(set)
	return *set.defined
}

// RuntimeMetrics returns those that Go, the process and the scrapes tell of
// themselves, by name. Which there are of the process depends on the system.
func RuntimeMetrics() []Metric {
	descriptions := make(chan *prometheus.Desc)
	guard.Go("description of metrics", nil, func() {
		defer close(descriptions)
		for _, c := range runtimeCollectors() {
			c.Describe(descriptions)
		}
	})
	var out []Metric
	for d := range descriptions {
		if m, ok := described(d); ok {
			out = append(out, m)
		}
	}
	out = append(out, Metric{Name: "promhttp_metric_handler_errors_total", Type: "counter", Help: "Scrapes in which something failed.", Labels: []string{"cause"}, Values: []string{"encoding", "gathering"}})
	slices.SortFunc(out, func(a, b Metric) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

func runtimeCollectors() []prometheus.Collector {
	return []prometheus.Collector{
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
	}
}

// description is how the library shows what it describes.
var description = regexp.MustCompile(`^Desc\{fqName: "([^"]*)", help: "((?:[^"\\]|\\.)*)",.* variableLabels: \{(.*)\}\}$`)

// described returns the metric of a description of the library's own collectors,
// which tells no type: theirs follow from the names.
func described(d *prometheus.Desc) (Metric, bool) {
	found := description.FindStringSubmatch(d.String())
	if found == nil {
		return Metric{}, false
	}
	m := Metric{Name: found[1], Help: found[2], Type: "gauge"}
	switch {
	case strings.HasSuffix(m.Name, "_total"):
		m.Type = "counter"
	case m.Name == "go_gc_duration_seconds":
		m.Type = "summary"
	}
	for label := range strings.SplitSeq(found[3], ",") {
		if label != "" {
			m.Labels = append(m.Labels, label)
		}
	}
	if m.Name == "go_info" {
		m.Labels = []string{"version"}
	}
	return m, true
}
