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
	// Colours has the levels of FormatConsole in colours, as terminals show them.
	Colours bool
}

// NewLogger builds a logger on zap that redacts secrets before they are
// encoded. Children for one instance are made by logger.With("instance", name).
// The returned function flushes what is buffered and is to be called last.
func NewLogger(opts LogOptions) (*slog.Logger, *LevelControl, func() error, error) {
	level, err := parseLevel(opts.Level)
	if err != nil {
		return nil, nil, nil, err
	}
	encoder, err := newEncoder(opts.Format, opts.Colours)
	if err != nil {
		return nil, nil, nil, err
	}
	if opts.Writer == nil {
		opts.Writer = os.Stderr
	}
	control := newLevelControl(level)
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(opts.Writer)), zapcore.DebugLevel) // the control says what comes so far
	// No stack traces by level: an error is mostly somebody's bad input or an
	// absent server. A recovered panic logs its own stack.
	handler := zapslog.NewHandler(core, zapslog.AddStacktraceAt(slog.Level(math.MaxInt)))
	sync := func() error {
		if err := core.Sync(); err != nil && !unsyncable(err) {
			return fmt.Errorf("flushing the log: %w", err)
		}
		return nil
	}
	return slog.New(&levelHandler{next: &redactingHandler{next: handler}, control: control}), control, sync, nil
}

// unsyncable reports errors of terminals and pipes, which have nothing to sync.
func unsyncable(err error) bool {
	return errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTTY) || errors.Is(err, syscall.ENOTSUP)
}

func newEncoder(format string, colours bool) (zapcore.Encoder, error) {
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
		if colours {
			config.EncodeLevel = zapcore.CapitalColorLevelEncoder
		}
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
