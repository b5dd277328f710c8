package guard

import (
	"context"
	"log/slog"
)

// Handler keeps panics of a log handler from those who log: panics are logged as
// well, and a handler that panics then would let them out after all. The record is
// lost, which is reported.
func Handler(h slog.Handler, report Report) slog.Handler { return &handler{h, report} }

type handler struct {
	slog.Handler
	report Report
}

// Handle implements [slog.Handler].
func (h *handler) Handle(ctx context.Context, r slog.Record) (err error) {
	Do("log", h.report, func() { err = h.Handler.Handle(ctx, r) })
	return err
}

// WithAttrs implements [slog.Handler].
func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.report}
}

// WithGroup implements [slog.Handler].
func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.report}
}
