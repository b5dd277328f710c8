package engine

import "context"

// Tracer follows requests into the batches that make them durable.
type Tracer interface {
	// Batch is called before a batch is appended to the journal, with the contexts
	// of the callers who wait for it and the sequence numbers of its first and its
	// last event. The context that it returns is that of the append, and the function
	// is called with what became of that.
	Batch(ctx context.Context, callers []context.Context, first, last uint64) (context.Context, func(error))
}

// traced begins to follow a batch that is to be appended.
func (s *session) traced(ctx context.Context, g *group, first, last uint64) (context.Context, func(error)) {
	if s.cfg.Tracer == nil {
		return ctx, func(error) {}
	}
	callers := make([]context.Context, 0, len(g.calls))
	for _, c := range g.calls {
		if c.ctx != nil {
			callers = append(callers, c.ctx)
		}
	}
	return s.cfg.Tracer.Batch(ctx, callers, first, last)
}
