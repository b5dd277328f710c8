package obs

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/trace"
)

// LevelControl changes the level of a logger, and of all loggers derived from it,
// while they are in use: for the whole process, and for single instances, whose
// loggers are known by their attribute "instance". It is safe for concurrent use.
type LevelControl struct {
	process slog.LevelVar

	changing  sync.Mutex
	instances atomic.Pointer[map[string]slog.Level] // never changed, only replaced
}

func newLevelControl(level slog.Level) *LevelControl {
	c := &LevelControl{}
	c.process.Set(level)
	c.instances.Store(&map[string]slog.Level{})
	return c
}

// Get returns the name of the process's level: debug, info, warn or error.
func (c *LevelControl) Get() string { return nameOf(c.process.Level()) }

// Set changes the level of the process. An unknown name is an error and changes
// nothing.
func (c *LevelControl) Set(name string) error {
	level, err := parseLevel(name)
	if err != nil {
		return err
	}
	c.process.Set(level)
	return nil
}

// GetInstance returns the name of an instance's level, and whether it has one of its
// own.
func (c *LevelControl) GetInstance(instance string) (name string, own bool) {
	level, own := (*c.instances.Load())[instance]
	if !own {
		level = c.process.Level()
	}
	return nameOf(level), own
}

// SetInstance gives an instance a level of its own, or with an empty name that of the
// process again. An unknown name is an error and changes nothing.
func (c *LevelControl) SetInstance(instance, name string) error {
	level, err := parseLevel(name)
	if err != nil {
		return err
	}
	c.changing.Lock()
	defer c.changing.Unlock()
	all := maps.Clone(*c.instances.Load())
	all[instance] = level
	if name == "" {
		delete(all, instance)
	}
	c.instances.Store(&all)
	return nil
}

// levelHandler lets pass what the control lets pass, and says which trace it is of.
type levelHandler struct {
	next     slog.Handler
	control  *LevelControl
	instance string // whose logger it is; "" for the process
	grouped  bool   // attributes are below a name from here on
}

// Enabled reports whether records of the level are handled.
func (h *levelHandler) Enabled(_ context.Context, level slog.Level) bool {
	if h.instance != "" {
		if own, found := (*h.control.instances.Load())[h.instance]; found {
			return level >= own
		}
	}
	return level >= h.control.process.Level()
}

// Handle passes a record on, with the trace that it belongs to.
func (h *levelHandler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() && !h.grouped {
		r = r.Clone() // others may hold it
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.next.Handle(ctx, r)
}

// WithAttrs learns whose logger it is.
func (h *levelHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	out := *h
	out.next = h.next.WithAttrs(attrs)
	for _, a := range attrs {
		if a.Key == instanceLabel && !h.grouped {
			out.instance = a.Value.String()
		}
	}
	return &out
}

// WithGroup puts the attributes that follow below a name.
func (h *levelHandler) WithGroup(name string) slog.Handler {
	out := *h
	out.next, out.grouped = h.next.WithGroup(name), true
	return &out
}

func parseLevel(name string) (slog.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return slog.LevelDebug, nil
	case "info", "":
		return slog.LevelInfo, nil
	case "warn", "warning":
		return slog.LevelWarn, nil
	case "error":
		return slog.LevelError, nil
	default:
		return 0, fmt.Errorf("unknown log level %q: want debug, info, warn or error", name)
	}
}

func nameOf(level slog.Level) string { return strings.ToLower(level.String()) }
