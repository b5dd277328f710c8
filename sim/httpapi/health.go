package httpapi

import (
	"encoding/json"
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

// Statuses of an instance and of its components.
const (
	statusAlive    = "alive"
	statusReady    = "ready"
	statusDegraded = "degraded"
	statusNotReady = "not_ready"
	statusUp       = "up"
	statusDown     = "down"
)

// Health is what an instance says of itself.
type Health struct {
	_          struct{}                   `additionalProperties:"true"`
	Status     string                     `json:"status" enum:"alive,ready,degraded,not_ready" doc:"Of a health report always alive: the process answers."`
	Instance   string                     `json:"instance" doc:"The instance's name." example:"custodian-sim-001"`
	Version    string                     `json:"version" doc:"The program's version." example:"1.0.0"`
	Components map[string]ComponentHealth `json:"components" doc:"The instance's parts by name."`
	Sequence   uint64                     `json:"sequence" doc:"The last event that is durable." example:"17"`
}

// ComponentHealth is the state of a part of an instance.
type ComponentHealth struct {
	_        struct{} `additionalProperties:"true"`
	Status   string   `json:"status" enum:"up,down"`
	Required bool     `json:"required" doc:"Whether the instance needs it to be ready; without the others it is degraded."`
	Problem  string   `json:"problem,omitempty" doc:"What is wrong."`
}

// report returns the instance's parts, and what they mean for its readiness.
func (c *call) report() Health {
	components := []Component{}
	if c.Components != nil {
		components = c.Components()
	} else {
		books := Component{Name: "engine", Required: true}
		if err := c.Custodian.Ready(); err != nil {
			books.Problem = err.Error()
		}
		components = append(components, books)
	}
	h := Health{
		Status: statusReady, Instance: c.Instance, Version: c.Version,
		Components: make(map[string]ComponentHealth, len(components)), Sequence: c.Custodian.Durable(),
	}
	for _, part := range components {
		state := ComponentHealth{Status: statusUp, Required: part.Required, Problem: part.Problem}
		if part.Problem != "" {
			state.Status = statusDown
			switch {
			case part.Required:
				h.Status = statusNotReady
			case h.Status == statusReady:
				h.Status = statusDegraded
			}
		}
		h.Components[part.Name] = state
	}
	return h
}

// getHealth answers 200 for as long as the process can answer at all.
func getHealth(c *call) error {
	h := c.report()
	h.Status = statusAlive
	return c.sendHealth(http.StatusOK, h)
}

// getReady answers 200 while the instance takes requests, in full or degraded.
func getReady(c *call) error {
	h := c.report()
	if h.Status == statusNotReady {
		c.w.Header().Set("Retry-After", "1")
		return c.sendHealth(http.StatusServiceUnavailable, h)
	}
	return c.sendHealth(http.StatusOK, h)
}

func (c *call) sendHealth(status int, h Health) error {
	text, err := json.Marshal(h)
	if err != nil {
		return sim.Errorf(sim.CodeInternal, "encoding the health report: %v", err)
	}
	c.out = append(c.out, text...)
	return c.send(status)
}
