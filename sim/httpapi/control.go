package httpapi

import (
	"net/http"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/request"
)

func getClock(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	return c.sendClock()
}

func (c *call) sendClock() error {
	ctx, cancel := c.context()
	defer cancel()
	setting, now, next, err := c.Custodian.Clock(ctx)
	if err != nil {
		return err
	}
	c.out = c.encoder.Clock(c.out, setting, now, next)
	return c.send(http.StatusOK)
}

func setClock(c *call) error {
	var clock request.Clock
	if err := c.decode(&clock, false); err != nil {
		return err
	}
	if _, err := c.do(clock.Command()); err != nil {
		return err
	}
	return c.sendClock()
}

func advanceClock(c *call) error {
	var advance request.Advance
	if err := c.decode(&advance, false); err != nil {
		return err
	}
	command, err := advance.Command()
	if err != nil {
		return err
	}
	result, err := c.do(command)
	if err != nil {
		return err
	}
	setting, err := result.Document.Clock()
	if err != nil {
		return err
	}
	c.out = c.encoder.Advance(c.out, setting)
	return c.send(http.StatusOK)
}

// chaos adds the fault rule that a body means.
func chaos[B any, P interface {
	*B
	request.Chaos
}](c *call) error {
	var body B
	if err := c.decode(&body, false); err != nil {
		return err
	}
	command, refusal := P(&body).Fault()
	if refusal != nil {
		return refusal
	}
	result, err := c.do(command)
	if err != nil {
		return err
	}
	c.out = c.encoder.Document(c.out, result.Document)
	return c.created("/chaos/rules/" + result.Document.ID)
}

func getChaosStatus(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	return c.sendChaosStatus()
}

func (c *call) sendChaosStatus() error {
	ctx, cancel := c.context()
	defer cancel()
	rules, now, err := c.Custodian.Faults(ctx)
	if err != nil {
		return err
	}
	c.out = c.encoder.ChaosStatus(c.out, rules, now)
	return c.send(http.StatusOK)
}

func clearFaults(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	if _, err := c.do(sim.ClearFaults{}); err != nil {
		return err
	}
	return c.sendChaosStatus()
}

func clearFault(c *call) error {
	id, err := c.pathText("rule_id")
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	if _, err := c.do(sim.ClearFault{ID: id}); err != nil {
		return err
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// disturb does what goes wrong on purpose with a request, and reports whether
// it was answered so.
func (a *api) disturb(w http.ResponseWriter, r *http.Request) bool {
	fault := a.Custodian.FaceFault(sim.FaceHTTP)
	if fault.Latency > 0 {
		wait := time.NewTimer(fault.Latency)
		defer wait.Stop()
		select {
		case <-wait.C:
		case <-r.Context().Done():
		}
	}
	if fault.Err == nil {
		return false
	}
	p := *problem.Of(fault.Err)
	if fault.HTTPStatus != 0 {
		p.Status = fault.HTTPStatus
	}
	problem.Write(w, &p)
	return true
}
