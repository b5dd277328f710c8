package obs

import (
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// plain is what a number of instances is: a counter or a gauge without labels.
type plain struct {
	Metric
	desc *prometheus.Desc // of the series of all instances
}

func plainly(m Metric) plain {
	return plain{m, prometheus.NewDesc(m.Name, m.Help, []string{instanceLabel}, nil)}
}

// number is a counter or a gauge of one instance. The library's own keep a description
// and labels each, which of a thousand instances with nothing to do take 7 kB each;
// here the description is there once, and the labels once an instance. It is safe for
// concurrent use.
type number struct {
	set   *collectorSet
	of    *plain
	value atomic.Int64
	shown atomic.Bool // whether there is a series
}

// define says to which set the number belongs and what it is. It has a series once it
// has been given a value. It comes first.
func (n *number) define(s *collectorSet, of *plain) {
	s.define(&of.Metric)
	n.set, n.of = s, of
	s.numbers = append(s.numbers, n)
}

// put gives a gauge its value.
func (n *number) put(v int) {
	n.value.Store(int64(v))
	n.shown.Store(true)
}

// add counts more of what a counter counts.
func (n *number) add(more int) {
	n.value.Add(int64(more))
	n.shown.Store(true)
}

// Desc implements [prometheus.Metric].
func (n *number) Desc() *prometheus.Desc { return n.of.desc }

// Write implements [prometheus.Metric].
func (n *number) Write(out *dto.Metric) error {
	v := float64(n.value.Load())
	out.Label = n.set.pairs
	if n.of.Type == "counter" {
		out.Counter = &dto.Counter{Value: &v}
	} else {
		out.Gauge = &dto.Gauge{Value: &v}
	}
	return nil
}
