package admin

import (
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/problem"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim/httpapi/strictjson"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func getHealth(c *call) error { return c.answer(http.StatusOK, wire.Health{Status: "ok"}) }

func getReadiness(c *call) error {
	readiness := wire.Readiness(c.opts.Supervisor.Readiness())
	status := http.StatusOK
	if !readiness.Ready {
		status = http.StatusServiceUnavailable
	}
	return c.answer(status, readiness)
}

func getMetrics(c *call) error {
	c.opts.Metrics.ServeHTTP(c.w, c.r)
	return nil
}

func getVersion(c *call) error { return c.answer(http.StatusOK, c.opts.Version) }

func getLogLevel(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.LogLevel{Level: c.opts.Level.Get()})
}

var logLevelFields = strictjson.FieldsOf(wire.LogLevel{})

func putLogLevel(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	data, err := c.body(c.opts.Limits.MaxBodyBytes)
	if err != nil {
		return err
	}
	var level string
	_, err = strictjson.Object(data, logLevelFields, func(_ string, v strictjson.Value) (err error) {
		level, err = v.Text()
		return err
	})
	if err != nil {
		return err
	}
	if err := c.opts.Level.Set(level); err != nil {
		return problem.Invalid("level", err.Error(), "debug", "info", "warn", "error")
	}
	return c.answer(http.StatusOK, wire.LogLevel{Level: c.opts.Level.Get()})
}
