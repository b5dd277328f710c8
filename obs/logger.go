package obs

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"syscall"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/exp/zapslog"
	"go.uber.org/zap/zapcore"
)

// Formats of log lines.
const (
	FormatJSON    = "json"    // one JSON object per line
	FormatConsole = "console" // tab-separated, for people
)

// LogOptions say what is logged, how, and where to. The zero value logs JSON
// from level info to standard error.
type LogOptions struct {
	Level  string    // debug, info, warn or error; empty means info
	Format string    // FormatJSON or FormatConsole; empty means FormatJSON
	Writer io.Writer // nil means standard error; writes are serialised
}

// LevelControl changes the level of a logger, and of all loggers derived from
// it, while they are in use. It is safe for concurrent use.
type LevelControl struct{ level zap.AtomicLevel }

// Get returns the level's name: debug, info, warn or error.
func (c *LevelControl) Get() string { return c.level.String() }

// Set changes the level. An unknown name is an error and changes nothing.
func (c *LevelControl) Set(name string) error {
	level, err := parseLevel(name)
	if err != nil {
		return err
	}
	c.level.SetLevel(level)
	return nil
}

// NewLogger builds a logger on zap that redacts secrets before they are
// encoded. Children for one instance are made by logger.With("instance", name).
// The returned function flushes what is buffered and is to be called last.
func NewLogger(opts LogOptions) (*slog.Logger, *LevelControl, func() error, error) {
	level, err := parseLevel(opts.Level)
	if err != nil {
		return nil, nil, nil, err
	}
	encoder, err := newEncoder(opts.Format)
	if err != nil {
		return nil, nil, nil, err
	}
	if opts.Writer == nil {
		opts.Writer = os.Stderr
	}
	control := &LevelControl{level: zap.NewAtomicLevelAt(level)}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(opts.Writer)), control.level)
	// No stack traces by level: an error is mostly somebody's bad input or an
	// absent server. A recovered panic logs its own stack.
	handler := zapslog.NewHandler(core, zapslog.AddStacktraceAt(slog.Level(math.MaxInt)))
	sync := func() error {
		if err := core.Sync(); err != nil && !unsyncable(err) {
			return fmt.Errorf("flushing the log: %w", err)
		}
		return nil
	}
	return slog.New(&redactingHandler{next: handler}), control, sync, nil
}

// unsyncable reports errors of terminals and pipes, which have nothing to sync.
func unsyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.ENOTSUP)
}

func parseLevel(name string) (zapcore.Level, error) {
	switch strings.ToLower(name) {
	case "debug":
		return zapcore.DebugLevel, nil
	case "info", "":
		return zapcore.InfoLevel, nil
	case "warn", "warning":
		return zapcore.WarnLevel, nil
	case "error":
		return zapcore.ErrorLevel, nil
	default:
		return 0, fmt.Errorf("unknown log level %q: want debug, info, warn or error", name)
	}
}

func newEncoder(format string) (zapcore.Encoder, error) {
	config := zapcore.EncoderConfig{
		TimeKey:        "time",
		LevelKey:       "level",
		MessageKey:     "msg",
		LineEnding:     zapcore.DefaultLineEnding,
		EncodeLevel:    zapcore.LowercaseLevelEncoder,
		EncodeTime:     encodeTime,
		EncodeDuration: zapcore.StringDurationEncoder,
	}
	switch strings.ToLower(format) {
	case FormatJSON, "":
		return zapcore.NewJSONEncoder(config), nil
	case FormatConsole:
		config.EncodeLevel = zapcore.CapitalLevelEncoder
		return zapcore.NewConsoleEncoder(config), nil
	default:
		return nil, fmt.Errorf("unknown log format %q: want %s or %s", format, FormatJSON, FormatConsole)
	}
}

// encodeTime writes UTC with a fixed number of digits, so that lines of several
// machines sort as text.
func encodeTime(t time.Time, enc zapcore.PrimitiveArrayEncoder) {
	enc.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
}
