package admin

import (
	"errors"
	"net/http"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func getConfig(c *call) error {
	if err := c.noQuery(); err != nil {
		return err
	}
	unless, err := parseCondition(c.r, "If-None-Match", true)
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	doc, tag, err := c.opts.Supervisor.Desired(ctx)
	if err != nil {
		return err
	}
	c.w.Header().Set("ETag", quote(tag))
	if unless.holds(tag) {
		c.w.WriteHeader(http.StatusNotModified)
		return nil
	}
	return c.answer(http.StatusOK, documentOf(doc))
}

// putTries is how often a document without If-Match is tried again because the
// state changed between reading and writing it.
const putTries = 5

func putConfig(c *call) error {
	q := c.query()
	dryRun := q.Bool("dry_run", false)
	if err := q.Err(); err != nil {
		return err
	}
	match, err := parseCondition(c.r, "If-Match", false)
	if err != nil {
		return err
	}
	data, err := c.body(c.opts.Limits.MaxConfigBytes)
	if err != nil {
		return err
	}
	wanted, err := parseDocument(data)
	if err != nil {
		return err
	}
	ctx, cancel := c.context()
	defer cancel()
	for try := 1; ; try++ {
		// The passwords that the document leaves out come from the state that it
		// replaces, which must then be the very same.
		current, tag, err := c.opts.Supervisor.Desired(ctx)
		if err != nil {
			return err
		}
		if match.given && !match.holds(tag) {
			return errStale
		}
		changes, newTag, err := c.opts.Supervisor.Apply(ctx, withSecretsOf(wanted, current), tag, dryRun)
		if stale(err) && (!match.given || match.any) && try < putTries {
			continue
		}
		if err != nil {
			return err
		}
		plan := wire.Plan{DryRun: dryRun, Changes: make([]wire.Change, len(changes))}
		for i, change := range changes {
			plan.Changes[i] = wire.Change(change)
		}
		c.w.Header().Set("ETag", quote(newTag))
		return c.answer(http.StatusOK, plan)
	}
}

var errStale = &supervisor.Error{Kind: supervisor.KindStale,
	Message: "the configuration is not the one that If-Match names; read it again and repeat the change"}

func stale(err error) bool {
	e, ok := errors.AsType[*supervisor.Error](err)
	return ok && e.Kind == supervisor.KindStale
}
