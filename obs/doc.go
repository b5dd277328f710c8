// Package obs is where the process is observed: metrics for Prometheus, structured
// logs, and traces. It is the only package that names Prometheus, zap and OpenTelemetry;
// everybody else records through small interfaces that *Instance satisfies and
// logs through log/slog.
//
// # Metrics
//
// A process has one [Registry], whose [Registry.Handler] is the scrape target
// for all custodians. [Registry.Instance] gives a custodian its own set of
// collectors. They appear twice: in the shared registry with the label
// instance="name", and without that label on the custodian's own port
// ([Instance.Handler]). An Instance lives from the first start of a custodian
// until it is drained, over any restarts in between, so that its counters go
// on; [Instance.Close] takes every one of its series out of both places at once.
//
// Two rules bound what a scrape can cost. Series with labels exist only once
// something happened (an idle custodian has a handful of series, so thousands
// of them are affordable), and every label has a bounded set of values: route
// patterns rather than paths, known methods, and for the labels that callers
// choose freely (account, symbol, currency) the first
// [InstanceOptions].LabelValues distinct values, and of their combinations the
// first [InstanceOptions].Pairs in each metric, after which the value is "other"
// and custodian_label_values_capped_total counts.
//
// The Record and Set methods of an Instance are safe for concurrent use and do
// not allocate in the steady state, so the engine may call them on its only
// goroutine. After Close they still work, into nothing.
//
// # Logs
//
// [NewLogger] builds a *slog.Logger on zap with a level that can be changed
// while running, for all or for one instance ([LevelControl]). A line that is logged
// with the context of a traced request says its trace. Secrets are taken out of messages and
// attributes before anything is encoded: by key (password, token, secret, …)
// and by form (the password in a URL, key=value credentials, bearer tokens).
//
// # Traces
//
// [NewTracing] sends spans to an OTLP receiver, and nothing is traced without it. A
// request over either face is a span, the append to the journal that makes it durable
// another, which links to the requests of all who waited for it, and each attempt to
// post its events to a webhook a third, in one trace.
package obs
