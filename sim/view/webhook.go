package view

// Webhook is an endpoint that events are delivered to, and how it stands.
type Webhook struct {
	_                   struct{}        `additionalProperties:"true"`
	Endpoint            WebhookEndpoint `json:"endpoint"`
	Activity            string          `json:"activity" enum:"starting,delivering,retrying,disabled,gone,stopped"`
	Cursor              uint64          `json:"cursor" doc:"The event up to which all are dealt with."`
	Lag                 uint64          `json:"lag" doc:"How many durable events are behind it."`
	LastDelivered       uint64          `json:"last_delivered" doc:"The highest sequence number delivered since the start; 0 for none."`
	LastDeliveredAt     string          `json:"last_delivered_at,omitempty" format:"date-time"`
	ConsecutiveFailures int             `json:"consecutive_failures" doc:"How many attempts have failed since one succeeded."`
	LastError           string          `json:"last_error,omitempty"`
	LastErrorAt         string          `json:"last_error_at,omitempty" format:"date-time"`
	Attempts            int             `json:"attempts" doc:"How many attempts to deliver the next event have failed."`
	NextAttempt         string          `json:"next_attempt,omitempty" format:"date-time"`
	Delivered           uint64          `json:"delivered"`
	FailedAttempts      uint64          `json:"failed_attempts"`
	GivenUp             uint64          `json:"given_up"`
	Resends             int             `json:"resends" doc:"How many resends are not done."`
	Failed              []WebhookFailed `json:"failed" doc:"The events given up and not delivered since, the oldest first."`
	Secret              string          `json:"secret,omitempty" doc:"The secret, in the answer to the request that added it alone."`
}

// WebhookEndpoint is an endpoint's settings.
type WebhookEndpoint struct {
	_              struct{} `additionalProperties:"true"`
	ID             string   `json:"id" example:"risk-desk"`
	URL            string   `json:"url" doc:"Without what may be secret in it."`
	Secret         string   `json:"secret" doc:"Redacted."`
	PreviousSecret string   `json:"previous_secret,omitempty" doc:"Redacted."`
	Events         []string `json:"events" doc:"The types to deliver; none for all."`
	Disabled       bool     `json:"disabled"`
}

// WebhookFailed is an event that was given up.
type WebhookFailed struct {
	_         struct{} `additionalProperties:"true"`
	Sequence  uint64   `json:"sequence"`
	Type      string   `json:"type"`
	WebhookID string   `json:"webhook_id"`
	Attempts  int      `json:"attempts"`
	Status    int      `json:"status,omitempty" doc:"HTTP status of the last answer; not there without one."`
	Error     string   `json:"error"`
	GivenUpAt string   `json:"given_up_at" format:"date-time"`
}
