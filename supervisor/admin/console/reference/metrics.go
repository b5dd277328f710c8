package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
)

func instanceMetrics() (string, error) { return metricsTable(obs.InstanceMetrics()), nil }

func processMetrics() (string, error) { return metricsTable(obs.ProcessMetrics()), nil }

func runtimeMetrics() (string, error) { return metricsTable(obs.RuntimeMetrics()), nil }

func metricsTable(metrics []obs.Metric) string {
	out := newTable("metric", "type", "labels", "what it tells")
	for _, m := range metrics {
		kind := m.Type
		if unit := m.Unit(); unit != "" {
			kind += " of " + unit
		}
		labels := make([]string, len(m.Labels))
		for i, label := range m.Labels {
			labels[i] = code(label)
		}
		list := strings.Join(labels, ", ")
		if len(m.Values) > 0 {
			list += ": " + strings.Join(m.Values, ", ")
		}
		out.add(code(m.Name), kind, list, strings.TrimSuffix(strings.ReplaceAll(m.Help, `\"`, `"`), "."))
	}
	return out.String()
}

// buckets shows the upper bounds of all histograms.
func buckets() (string, error) {
	out := newTable("histogram", "upper bounds of its buckets")
	for _, m := range append(obs.InstanceMetrics(), obs.ProcessMetrics()...) {
		if m.Type != "histogram" {
			continue
		}
		if len(m.Buckets) == 0 {
			return "", fmt.Errorf("%s has no buckets", m.Name)
		}
		bounds := make([]string, len(m.Buckets))
		for i, b := range m.Buckets {
			bounds[i] = strconv.FormatFloat(b, 'f', -1, 64)
		}
		out.add(code(m.Name), strings.Join(bounds, ", "))
	}
	return out.String(), nil
}
