package obs

// Buckets are few: each is a series, times routes, times instances.
var (
	requestBuckets    = []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	commitBuckets     = []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .5, 2}
	projectionBuckets = []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 5}
	waitBuckets       = []float64{.001, .005, .01, .05, .1, .25, .5, 1, 2.5, 5, 10}
	batchBuckets      = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024}

	// Those of what settlements take, in seconds of instance time: from at once to
	// weeks.
	latencyBuckets = []float64{.001, 1, 60, 600, 3600, 6 * 3600, 86400, 2 * 86400, 3 * 86400, 7 * 86400, 30 * 86400}
)

// What the metrics of an instance are. All have the same: what is written here is
// there once, however many instances there are.
var (
	ofHTTPRequests = Metric{
		Name: "http_requests_total", Type: "counter", Labels: []string{"method", "endpoint", "status_code"},
		Help: "HTTP requests answered; endpoint is the route.",
	}
	ofHTTPDuration = Metric{
		Name: "http_request_duration_seconds", Type: "histogram", Labels: []string{"method", "endpoint"}, Buckets: requestBuckets,
		Help: "Time to answer an HTTP request; a stream counts until it ends.",
	}
	ofHTTPInFlight = Metric{
		Name: "http_requests_in_flight", Type: "gauge", Labels: []string{"method"},
		Help: "HTTP requests being answered.",
	}
	ofGRPCRequests = Metric{
		Name: "grpc_server_requests_total", Type: "counter", Labels: []string{"method", "status"},
		Help: "gRPC calls answered, by status code name.",
	}
	ofGRPCDuration = Metric{
		Name: "grpc_server_request_duration_seconds", Type: "histogram", Labels: []string{"method"}, Buckets: requestBuckets,
		Help: "Time to answer a gRPC call; a stream counts until it ends.",
	}
	ofGRPCInFlight = Metric{
		Name: "grpc_server_requests_in_flight", Type: "gauge", Labels: []string{"method"},
		Help: "gRPC calls being answered.",
	}
	ofCapped = Metric{
		Name: "custodian_label_values_capped_total", Type: "counter", Labels: []string{"label"},
		Help: "Records whose label value was replaced by \"other\" because the instance had used up its distinct values or pairs of them.",
	}
	ofPositions = Metric{
		Name: "custodian_positions_total", Type: "counter", Labels: []string{"account", "symbol"},
		Help: "Positions created.",
	}
	ofSettlements = Metric{
		Name: "custodian_settlements_total", Type: "counter", Labels: []string{"status", "type"},
		Help: "Settlements processed, by the status they reached and their type.",
	}
	ofBalances = Metric{
		Name: "custodian_balance_changes_total", Type: "counter", Labels: []string{"account", "currency"},
		Help: "Changes of balances.",
	}
	ofTransfers = Metric{
		Name: "custodian_transfers_total", Type: "counter", Labels: []string{"status", "rail"},
		Help: "Transfers processed, by the status they reached and their rail.",
	}
	ofSettlementLatency = Metric{
		Name: "custodian_settlement_latency_seconds", Type: "histogram", Labels: []string{"type"}, Buckets: latencyBuckets,
		Help: "Instance time from the instruction to the settlement.",
	}
	ofTransferLatency = Metric{
		Name: "custodian_transfer_latency_seconds", Type: "histogram", Labels: []string{"rail"}, Buckets: latencyBuckets,
		Help: "Instance time from the submission of a transfer to its completion.",
	}
	ofOpenSettlements = plainly(Metric{
		Name: "custodian_settlements_open", Type: "gauge",
		Help: "Settlements that are not final.",
	})
	ofOpenTransfers = plainly(Metric{
		Name: "custodian_transfers_open", Type: "gauge",
		Help: "Transfers that are not done.",
	})
	ofPendingApprovals = plainly(Metric{
		Name: "custodian_approvals_pending", Type: "gauge",
		Help: "Transfers that await approval.",
	})
	ofOpenBreaks = plainly(Metric{
		Name: "custodian_reconciliation_breaks_open", Type: "gauge",
		Help: "Breaks of reconciliations that are open.",
	})
	ofActiveFaults = plainly(Metric{
		Name: "custodian_faults_active", Type: "gauge",
		Help: "Fault rules that are active.",
	})
	ofDeliveries = Metric{
		Name: "custodian_webhook_deliveries_total", Type: "counter", Labels: []string{"endpoint", "result"},
		Help: "Events that were posted to an endpoint or given up, by result (delivered, given_up).",
	}
	ofFailedAttempts = Metric{
		Name: "custodian_webhook_failed_attempts_total", Type: "counter", Labels: []string{"endpoint", "reason"},
		Help: "Attempts to post an event that failed, by reason (status, timeout, connection, forbidden).",
	}
	ofWebhookLag = Metric{
		Name: "custodian_webhook_lag_events", Type: "gauge", Labels: []string{"endpoint"},
		Help: "Events that an endpoint is behind.",
	}
	ofBatchEvents = Metric{
		Name: "custodian_engine_batch_events", Type: "histogram", Buckets: batchBuckets,
		Help: "Events made durable by one journal append.",
	}
	ofCommitDuration = Metric{
		Name: "custodian_engine_commit_duration_seconds", Type: "histogram", Buckets: commitBuckets,
		Help: "Time that a journal append took.",
	}
	ofQueueDepth = plainly(Metric{
		Name: "custodian_engine_queue_depth", Type: "gauge",
		Help: "Commands waiting for the engine.",
	})
	ofRefused = Metric{
		Name: "custodian_engine_refused_total", Type: "counter", Labels: []string{"reason"}, Values: []string{"overloaded", "unavailable", "paused", "draining", "limit_reached", "internal"},
		Help: "Requests refused for want of capacity or availability.",
	}
	ofBoundsRefused = Metric{
		Name: "custodian_bounds_refused_total", Type: "counter", Labels: []string{"bound"}, Values: refusingBounds,
		Help: "Requests, streams and connections refused because a bound of the instance was reached.",
	}
	ofBoundsUsed = Metric{
		Name: "custodian_bounds_used", Type: "gauge", Labels: []string{"bound"}, Values: shownBounds,
		Help: "What the instance has taken on, by what bounds it.",
	}
	ofBoundsLimit = Metric{
		Name: "custodian_bounds_limit", Type: "gauge", Labels: []string{"bound"}, Values: shownBounds,
		Help: "How much of it the instance takes on at one time.",
	}
	ofDelayed = Metric{
		Name: "custodian_connections_delayed_total", Type: "counter", Labels: []string{"face"}, Values: []string{"http", "grpc"},
		Help: "Connections that had to wait because they came faster than limits.connection_rate.",
	}
	ofRequestsDelayed = plainly(Metric{
		Name: "custodian_requests_delayed_total", Type: "counter",
		Help: "Requests that had to wait because the instance kept the processors busy while others had a few.",
	})
	ofSlowStreams = Metric{
		Name: "custodian_slow_streams_ended_total", Type: "counter", Labels: []string{"face"}, Values: []string{"http", "grpc"},
		Help: "Event streams ended because their reader did not read.",
	}
	ofReloads = plainly(Metric{
		Name: "custodian_engine_reloads_total", Type: "counter",
		Help: "Times the engine threw its state away and loaded it again after a failed append.",
	})
	ofRestarts = plainly(Metric{
		Name: "custodian_instance_restarts_total", Type: "counter",
		Help: "Times the supervisor restarted the instance after a failure.",
	})
	ofPanics = Metric{
		Name: "custodian_instance_panics_total", Type: "counter", Labels: []string{"part"},
		Help: "Panics that were recovered, by the part of the instance that panicked.",
	}
	ofProjectionLag = plainly(Metric{
		Name: "custodian_projection_lag_events", Type: "gauge",
		Help: "Durable events that the tables do not show yet.",
	})
	ofProjectionEvents = plainly(Metric{
		Name: "custodian_projection_events_total", Type: "counter",
		Help: "Events that the projector brought into the tables.",
	})
	ofProjectionDuration = Metric{
		Name: "custodian_projection_duration_seconds", Type: "histogram", Buckets: projectionBuckets,
		Help: "Time that one projection transaction took.",
	}
	ofRedisUp = plainly(Metric{
		Name: "custodian_redis_up", Type: "gauge",
		Help: "Whether Redis answers (1) or not (0); absent where Redis is off.",
	})
	ofPublished = plainly(Metric{
		Name: "custodian_stream_published_total", Type: "counter",
		Help: "Events published on the Redis stream.",
	})
	ofCacheRequests = Metric{
		Name: "custodian_cache_requests_total", Type: "counter", Labels: []string{"result"}, Values: []string{"hit", "miss", "error"},
		Help: "Cache look-ups by result.",
	}
)

// What those of the process are.
var (
	ofAdminRequests = Metric{
		Name: "custodian_admin_http_requests_total", Type: "counter", Labels: []string{"method", "endpoint", "status_code"},
		Help: "Requests answered by the admin port; endpoint is the route.",
	}
	ofInstances = Metric{
		Name: "custodian_instances", Type: "gauge", Labels: []string{"state"}, Values: instanceStates,
		Help: "Configured instances by lifecycle state.",
	}
	ofProcessPanics = Metric{
		Name: "custodian_process_panics_total", Type: "counter", Labels: []string{"part"},
		Help: "Panics that were recovered in what instances share or in operations on them, by part.",
	}
	ofConnections = Metric{
		Name: "custodian_postgres_connections", Type: "gauge", Labels: []string{"state"},
		Help: "Places of the process-wide budget of PostgreSQL connections, by state (in_use, free).",
	}
	ofConnectionWait = Metric{
		Name: "custodian_postgres_connection_wait_seconds", Type: "histogram", Buckets: waitBuckets,
		Help: "Time that a pool waited for a connection of the process-wide budget.",
	}
	ofConnectionTimeouts = Metric{
		Name: "custodian_postgres_connection_wait_timeouts_total", Type: "counter",
		Help: "Waits for a connection of the process-wide budget that were given up.",
	}
)
