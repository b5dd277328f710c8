package obs

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// latencyBuckets span what settlements take, in seconds of instance time: from
// at once to weeks.
var latencyBuckets = []float64{.001, 1, 60, 600, 3600, 6 * 3600, 86400, 2 * 86400, 3 * 86400, 7 * 86400, 30 * 86400}

// domain is what is particular to custody.
type domain struct {
	transfers         *pairCounter
	settlementLatency *prometheus.HistogramVec
	transferLatency   *prometheus.HistogramVec
	types, rails      *cappedLabel

	openSettlements, openTransfers, pendingApprovals, openBreaks, activeFaults func() prometheus.Gauge

	endpoints      *cappedLabel
	deliveries     *prometheus.CounterVec
	failedAttempts *prometheus.CounterVec
	webhookLag     *prometheus.GaugeVec
}

func newDomain(set *collectorSet, limit, pairs int, capped *prometheus.CounterVec) domain {
	d := domain{
		types: newCappedLabel("type", limit, capped), rails: newCappedLabel("rail", limit, capped),
		endpoints: newCappedLabel("endpoint", limit, capped),
	}
	d.transfers = newPairCounter(set.counterVec("custodian_transfers_total",
		"Transfers processed, by the status they reached and their rail.", "status", "rail"), pairs,
		newCappedLabel("status", limit, capped), d.rails)
	d.settlementLatency = set.histogramVec("custodian_settlement_latency_seconds",
		"Instance time from the instruction to the settlement.", latencyBuckets, "type")
	d.transferLatency = set.histogramVec("custodian_transfer_latency_seconds",
		"Instance time from the submission of a transfer to its completion.", latencyBuckets, "rail")
	d.openSettlements = set.lazyGauge("custodian_settlements_open", "Settlements that are not final.")
	d.openTransfers = set.lazyGauge("custodian_transfers_open", "Transfers that are not done.")
	d.pendingApprovals = set.lazyGauge("custodian_approvals_pending", "Transfers that await approval.")
	d.openBreaks = set.lazyGauge("custodian_reconciliation_breaks_open", "Breaks of reconciliations that are open.")
	d.activeFaults = set.lazyGauge("custodian_faults_active", "Fault rules that are active.")
	d.deliveries = set.counterVec("custodian_webhook_deliveries_total",
		"Events that were posted to an endpoint or given up, by result (delivered, given_up).", "endpoint", "result")
	d.failedAttempts = set.counterVec("custodian_webhook_failed_attempts_total",
		"Attempts to post an event that failed, by reason (status, timeout, connection, forbidden).", "endpoint", "reason")
	d.webhookLag = set.gaugeVec("custodian_webhook_lag_events", "Events that an endpoint is behind.", "endpoint")
	return d
}

// RecordTransferProcessed counts a transfer that reached a status.
func (in *Instance) RecordTransferProcessed(status, rail string) { in.transfers.inc(status, rail) }

// RecordSettlementLatency observes how long a settlement took in instance time.
func (in *Instance) RecordSettlementLatency(settlementType string, took time.Duration) {
	in.settlementLatency.WithLabelValues(in.types.admit(settlementType)).Observe(took.Seconds())
}

// RecordTransferLatency observes how long a transfer took in instance time.
func (in *Instance) RecordTransferLatency(rail string, took time.Duration) {
	in.transferLatency.WithLabelValues(in.rails.admit(rail)).Observe(took.Seconds())
}

// SetGauges says how much is open in the books.
func (in *Instance) SetGauges(g sim.Gauges) {
	in.vitals.setGauges(g)
	in.openSettlements().Set(float64(g.OpenSettlements))
	in.openTransfers().Set(float64(g.OpenTransfers))
	in.pendingApprovals().Set(float64(g.PendingApprovals))
	in.openBreaks().Set(float64(g.OpenBreaks))
	in.activeFaults().Set(float64(g.ActiveFaults))
}

// RecordWebhookDelivered counts an event that an endpoint took.
func (in *Instance) RecordWebhookDelivered(endpoint string) {
	in.deliveries.WithLabelValues(in.endpoints.admit(endpoint), "delivered").Inc()
}

// RecordWebhookGivenUp counts an event that is not posted again.
func (in *Instance) RecordWebhookGivenUp(endpoint string) {
	in.deliveries.WithLabelValues(in.endpoints.admit(endpoint), "given_up").Inc()
}

// RecordWebhookAttemptFailed counts an attempt that failed. The reason is status,
// timeout, connection or forbidden; any other counts as "other".
func (in *Instance) RecordWebhookAttemptFailed(endpoint, reason string) {
	switch reason {
	case "status", "timeout", "connection", "forbidden":
	default:
		reason = otherValue
	}
	in.failedAttempts.WithLabelValues(in.endpoints.admit(endpoint), reason).Inc()
}

// SetWebhookLag says how many events an endpoint is behind.
func (in *Instance) SetWebhookLag(endpoint string, events uint64) {
	in.webhookLag.WithLabelValues(in.endpoints.admit(endpoint)).Set(float64(events))
}

// ForgetWebhook removes the series of an endpoint that is gone.
func (in *Instance) ForgetWebhook(endpoint string) {
	labels := prometheus.Labels{"endpoint": endpoint}
	in.webhookLag.DeletePartialMatch(labels)
	in.deliveries.DeletePartialMatch(labels)
	in.failedAttempts.DeletePartialMatch(labels)
	in.endpoints.forget(endpoint)
}
