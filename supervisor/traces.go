package supervisor

import (
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/engine"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/webhook"
)

// engineTracer and webhookTracer make nothing of a pointer to nothing, so that who is
// not to be traced need not ask.

func engineTracer(t *obs.InstanceTracing) engine.Tracer {
	if t == nil {
		return nil
	}
	return t
}

func webhookTracer(t *obs.InstanceTracing) webhook.Tracer {
	if t == nil {
		return nil
	}
	return t
}
