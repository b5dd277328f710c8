package grpcapi

import "time"

// Limits bound what callers can make grow. Zero fields take the defaults.
type Limits struct {
	// MaxRecvBytes bounds one request message; default 4 MiB. Larger ones are
	// answered RESOURCE_EXHAUSTED.
	MaxRecvBytes int
	// MaxConnections bounds the open connections; default 1024. Further ones
	// are closed at once.
	MaxConnections int
	// MaxConcurrentStreams bounds the calls under way on one connection;
	// default 1000. Clients hold further ones back.
	MaxConcurrentStreams uint32
	// MaxInFlight bounds the unary calls under way, health checks not counted;
	// default 1024. Further ones are answered RESOURCE_EXHAUSTED.
	MaxInFlight int
	// MaxWatchers bounds the event streams, and apart from them the streams of
	// health checks and reflection; default 64. Further ones are answered
	// RESOURCE_EXHAUSTED.
	MaxWatchers int
	// CallTimeout bounds a unary call, from its first byte to its answer, and the
	// arrival of the request of an event stream; default 1 min.
	CallTimeout time.Duration
	// PageMax bounds page_size; default 1000.
	PageMax int
	// BulkMax bounds the instructions of one CreateSettlements; default 1000.
	BulkMax int
}

// defaultPage is the page size of requests that name none.
const defaultPage = 100

func (l Limits) withDefaults() Limits {
	or := func(v *int, fallback int) {
		if *v <= 0 {
			*v = fallback
		}
	}
	or(&l.MaxRecvBytes, 4<<20)
	or(&l.MaxConnections, 1024)
	or(&l.MaxInFlight, 1024)
	or(&l.MaxWatchers, 64)
	or(&l.PageMax, 1000)
	or(&l.BulkMax, 1000)
	if l.MaxConcurrentStreams == 0 {
		l.MaxConcurrentStreams = 1000
	}
	if l.CallTimeout <= 0 {
		l.CallTimeout = time.Minute
	}
	return l
}
