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
	if err := c.changeLevel(c.opts.Level.Set); err != nil {
		return err
	}
	return c.answer(http.StatusOK, wire.LogLevel{Level: c.opts.Level.Get()})
}

// changeLevel passes the level in the body on.
func (c *call) changeLevel(set func(level string) error) error {
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
	if level == "" {
		return problem.Invalid("level", "is empty", levels...)
	}
	if err := set(level); err != nil {
		return problem.Invalid("level", err.Error(), levels...)
	}
	return nil
}

var levels = []string{"debug", "info", "warn", "error"}

func getInstanceLogLevel(c *call) error {
	name, err := c.known()
	if err == nil {
		err = c.noQuery()
	}
	if err != nil {
		return err
	}
	return c.answerLevel(name)
}

func putInstanceLogLevel(c *call) error {
	name, err := c.known()
	if err == nil {
		err = c.changeLevel(func(level string) error { return c.opts.Level.SetInstance(name, level) })
	}
	if err != nil {
		return err
	}
	return c.answerLevel(name)
}

func deleteInstanceLogLevel(c *call) error {
	name, err := c.known()
	if err == nil {
		err = c.noQuery()
	}
	if err == nil {
		err = c.noBody()
	}
	if err == nil {
		err = c.opts.Level.SetInstance(name, "")
	}
	if err != nil {
		return err
	}
	return c.answerLevel(name)
}

func (c *call) answerLevel(name string) error {
	level, own := c.opts.Level.GetInstance(name)
	return c.answer(http.StatusOK, wire.InstanceLogLevel{Level: level, Own: own})
}

// known returns the name in the path, of an instance that is there.
func (c *call) known() (string, error) {
	name, err := c.name()
	if err == nil {
		_, err = c.opts.Supervisor.Get(name)
	}
	return name, err
}
