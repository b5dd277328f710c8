package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// domain is what is particular to custody.
type domain struct {
	transfers         pairCounter
	settlementLatency lazy[*prometheus.HistogramVec]
	transferLatency   lazy[*prometheus.HistogramVec]
	types, rails      *cappedLabel

	openSettlements, openTransfers, pendingApprovals, openBreaks, activeFaults number

	endpoints      *cappedLabel
	deliveries     lazy[*prometheus.CounterVec]
	failedAttempts lazy[*prometheus.CounterVec]
	webhookLag     lazy[*prometheus.GaugeVec]
}

func (d *domain) define(set *collectorSet, pairs int, label func(name string) *cappedLabel) {
	d.types, d.rails, d.endpoints = label("type"), label("rail"), label("endpoint")
	d.transfers.define(set, &ofTransfers, pairs, label("status"), d.rails)
	d.settlementLatency.define(set, &ofSettlementLatency, newHistogramVec)
	d.transferLatency.define(set, &ofTransferLatency, newHistogramVec)
	d.openSettlements.define(set, &ofOpenSettlements)
	d.openTransfers.define(set, &ofOpenTransfers)
	d.pendingApprovals.define(set, &ofPendingApprovals)
	d.openBreaks.define(set, &ofOpenBreaks)
	d.activeFaults.define(set, &ofActiveFaults)
	d.deliveries.define(set, &ofDeliveries, newCounterVec)
	d.failedAttempts.define(set, &ofFailedAttempts, newCounterVec)
	d.webhookLag.define(set, &ofWebhookLag, newGaugeVec)
}

// RecordTransferProcessed counts a transfer that reached a status.
func (in *Instance) RecordTransferProcessed(status, rail string) { in.transfers.inc(status, rail) }

// RecordSettlementLatency observes how long a settlement took in instance time.
func (in *Instance) RecordSettlementLatency(settlementType string, took time.Duration) {
	in.settlementLatency.get().WithLabelValues(in.types.admit(settlementType)).Observe(took.Seconds())
}

// RecordTransferLatency observes how long a transfer took in instance time.
func (in *Instance) RecordTransferLatency(rail string, took time.Duration) {
	in.transferLatency.get().WithLabelValues(in.rails.admit(rail)).Observe(took.Seconds())
}

// SetGauges says how much is open in the books.
func (in *Instance) SetGauges(g sim.Gauges) {
	in.vitals.setGauges(g)
	in.openSettlements.put(g.OpenSettlements)
	in.openTransfers.put(g.OpenTransfers)
	in.pendingApprovals.put(g.PendingApprovals)
	in.openBreaks.put(g.OpenBreaks)
	in.activeFaults.put(g.ActiveFaults)
}

// RecordWebhookDelivered counts an event that an endpoint took.
func (in *Instance) RecordWebhookDelivered(endpoint string) {
	in.deliveries.get().WithLabelValues(in.endpoints.admit(endpoint), "delivered").Inc()
}

// RecordWebhookGivenUp counts an event that is not posted again.
func (in *Instance) RecordWebhookGivenUp(endpoint string) {
	in.deliveries.get().WithLabelValues(in.endpoints.admit(endpoint), "given_up").Inc()
}

// RecordWebhookAttemptFailed counts an attempt that failed. The reason is status,
// timeout, connection or forbidden; any other counts as "other".
func (in *Instance) RecordWebhookAttemptFailed(endpoint, reason string) {
	switch reason {
	case "status", "timeout", "connection", "forbidden":
	default:
		reason = otherValue
	}
	in.failedAttempts.get().WithLabelValues(in.endpoints.admit(endpoint), reason).Inc()
}

// SetWebhookLag says how many events an endpoint is behind.
func (in *Instance) SetWebhookLag(endpoint string, events uint64) {
	in.webhookLag.get().WithLabelValues(in.endpoints.admit(endpoint)).Set(float64(events))
}

// ForgetWebhook removes the series of an endpoint that is gone.
func (in *Instance) ForgetWebhook(endpoint string) {
	labels := prometheus.Labels{"endpoint": endpoint}
	in.webhookLag.get().DeletePartialMatch(labels)
	in.deliveries.get().DeletePartialMatch(labels)
	in.failedAttempts.get().DeletePartialMatch(labels)
	in.endpoints.forget(endpoint)
}
