package admin

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/config"
)

func listInstances(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	list := wire.Instances{Instances: []wire.Instance{}}
	for _, status := range c.opts.Supervisor.List() {
		list.Instances = append(list.Instances, instanceOf(status))
	}
	return c.answer(http.StatusOK, list)
}

func getInstance(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	if err := c.noQuery(); err != nil {
		return err
	}
	status, err := c.opts.Supervisor.Get(name)
	if err != nil {
		return err
	}
	return c.answer(http.StatusOK, instanceOf(status))
}

func addInstance(c *call) error {
	q := c.query()
	wait := q.Bool("wait", true)
	if err := q.Err(); err != nil {
		return err
	}
	data, err := c.body(c.opts.Limits.MaxBodyBytes)
	if err != nil {
		return err
	}
	entry, err := config.ParseInstance(data)
	if err != nil {
		return err
	}
	status, err := c.waiting(wait, func(ctx context.Context) (supervisor.Status, error) {
		return c.opts.Supervisor.Add(ctx, entry, wait)
	})
	if err != nil {
		return err
	}
	c.w.Header().Set("Location", instancesPath+"/"+url.PathEscape(entry.Name))
	if !wait {
		return c.answer(http.StatusAccepted, instanceOf(status))
	}
	return c.answer(http.StatusCreated, instanceOf(status))
}

// action is an operation on one instance that can be waited for.
type action func(s Supervisor, ctx context.Context, name string, grace time.Duration, wait bool) (supervisor.Status, error)

// operate serves an action: 200 once it is done, 202 where it is not waited for.
func operate(do action) func(*call) error {
	return func(c *call) error {
		name, err := c.name()
		if err != nil {
			return err
		}
		q := c.query()
		wait := q.Bool("wait", true)
		grace, err := grace(q)
		if err != nil {
			return err
		}
		if err := c.noBody(); err != nil {
			return err
		}
		status, err := c.waiting(wait, func(ctx context.Context) (supervisor.Status, error) {
			return do(c.opts.Supervisor, ctx, name, grace, wait)
		})
		if err != nil {
			return err
		}
		if !wait {
			return c.answer(http.StatusAccepted, instanceOf(status))
		}
		return c.answer(http.StatusOK, instanceOf(status))
	}
}

func startInstance(s Supervisor, ctx context.Context, name string, _ time.Duration, wait bool) (supervisor.Status, error) { //nolint:revive // an action, shaped like a method expression
	return s.Start(ctx, name, wait)
}

// pause serves pausing and resuming, which take effect at once.
func pause(do func(s Supervisor, ctx context.Context, name string) (supervisor.Status, error)) func(*call) error {
	return func(c *call) error {
		name, err := c.name()
		if err != nil {
			return err
		}
		if err := c.noQuery(); err != nil {
			return err
		}
		if err := c.noBody(); err != nil {
			return err
		}
		ctx, cancel := c.context()
		defer cancel()
		status, err := do(c.opts.Supervisor, ctx, name)
		if err != nil {
			return err
		}
		return c.answer(http.StatusOK, instanceOf(status))
	}
}

func removeInstance(c *call) error {
	name, err := c.name()
	if err != nil {
		return err
	}
	q := c.query()
	o := supervisor.RemoveOptions{Wait: q.Bool("wait", true), Purge: q.Bool("purge", false)}
	if o.Grace, err = grace(q); err != nil {
		return err
	}
	if err := c.noBody(); err != nil {
		return err
	}
	status, err := c.waiting(o.Wait, func(ctx context.Context) (supervisor.Status, error) {
		return c.opts.Supervisor.Remove(ctx, name, o)
	})
	if err != nil {
		return err
	}
	if err := c.opts.Level.SetInstance(name, ""); err != nil {
		return err
	}
	if !o.Wait {
		return c.answer(http.StatusAccepted, instanceOf(status))
	}
	c.w.WriteHeader(http.StatusNoContent)
	return nil
}

// waiting calls the supervisor, with wait for as long as it takes.
func (c *call) waiting(wait bool, do func(context.Context) (supervisor.Status, error)) (supervisor.Status, error) {
	if !wait {
		ctx, cancel := c.context()
		defer cancel()
		return do(ctx)
	}
	ctx, leave, err := c.lasting(&c.waits, c.opts.Limits.MaxWaits, "requests that wait")
	if err != nil {
		return supervisor.Status{}, err
	}
	defer leave()
	return do(ctx)
}

func instanceOf(s supervisor.Status) wire.Instance {
	out := wire.Instance{
		Name: s.Name, State: string(s.State), Since: s.Since.UTC(), Restarts: s.Restarts, LastError: s.LastError,
		HTTPAddr: s.HTTPAddr, GRPCAddr: s.GRPCAddr, Schema: s.Schema, RedisPrefix: s.RedisPrefix,
		ManagedBy: string(s.ManagedBy), Profile: s.Profile, Storage: s.Storage,
		Ready: s.Ready, Degraded: s.Degraded, DegradedBy: s.DegradedBy, Durable: s.Durable, Projected: s.Projected,
	}
	if s.Drain != nil {
		drain := wire.Drain(*s.Drain)
		out.Drain = &drain
	}
	return out
}
