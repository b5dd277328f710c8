package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"reflect"

	"github.com/go-viper/mapstructure/v2"
	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
	"github.com/spf13/pflag"
)

// Options say where a configuration comes from.
type Options struct {
	// Files are YAML files; later ones win. With none at all, the environment
	// describes a single instance.
	Files []string
	// Env are "NAME=value" pairs, as [os.Environ] returns them.
	Env []string
	// OtherEnv are names of CUSTODIAN_ variables that are for somebody else, such
	// as the command line client, and no mistake here.
	OtherEnv []string
	// Flags is nil, or holds the flags of [AddFlags].
	Flags *pflag.FlagSet
}

// Load reads a configuration and checks it. The error is a [*Problems] with
// everything that is wrong.
func Load(o Options) (Config, error) {
	l := newLoader()
	env := parseEnv(o.Env)
	for _, file := range o.Files {
		data, err := readFile(file)
		if err != nil {
			l.report.add(Problem{File: file, Message: "cannot be read: " + err.Error()})
			continue
		}
		l.add(parseYAML(data, file, &l.report), file)
	}
	if len(o.Files) == 0 {
		l.add(singleLayer(env), envFile)
	}
	l.add(envLayer(env, o.OtherEnv, &l.report), envFile)
	l.add(flagsLayer(o.Flags), flagsFile)
	return l.finish()
}

// ParseConfig reads a whole configuration from JSON, on top of the defaults, and
// checks it. The error is a [*Problems].
func ParseConfig(data []byte) (Config, error) {
	l := newLoader()
	l.add(parseJSON(data, &l.report), "")
	return l.finish()
}

// ParseInstance reads one entry of `instances` from JSON and checks it by itself;
// whether it gets along with the others, [Validate] tells. The error is a
// [*Problems] with keys relative to the entry.
func ParseInstance(data []byte) (Instance, error) {
	var r report
	s := shaper{report: &r}
	values, marks := s.document(parseJSON(data, &r), reflect.TypeFor[Instance]())
	k := koanf.New(".")
	if err := k.Load(confmap.Provider(values, ""), nil); err != nil {
		return Instance{}, &Problems{List: []Problem{{Message: err.Error()}}}
	}
	var i Instance
	if err := decode(k, &i); err != nil {
		return Instance{}, &Problems{List: []Problem{{Message: err.Error()}}}
	}
	if len(r.list) == 0 || marks.fields != nil {
		// Servers that the process may offer are not missing from the entry.
		process := Default()
		process.Storage.Postgres.URL, process.Redis.URL = "postgres://process/", "redis://process"
		c := checker{c: process, root: marks, report: &r, entry: true}
		c.instance("", i, process.Resolve(i))
	}
	if err := r.err(); err != nil {
		return Instance{}, err
	}
	return i, nil
}

// loader stacks sources onto each other.
type loader struct {
	k      *koanf.Koanf
	marks  *mark
	report report
}

func newLoader() *loader {
	l := &loader{k: koanf.New("."), marks: &mark{}}
	defaults := encode(reflect.ValueOf(Default()), true).(map[string]any)
	if err := l.k.Load(confmap.Provider(defaults, ""), nil); err != nil {
		l.report.add(Problem{Message: "loading the defaults: " + err.Error()})
	}
	return l
}

// add puts one source on top of the others.
func (l *loader) add(n *node, file string) {
	s := shaper{file: file, report: &l.report}
	values, marks := s.document(n, reflect.TypeFor[Config]())
	err := l.k.Load(confmap.Provider(values, ""), nil, koanf.WithMergeFunc(func(src, dest map[string]any) error {
		merge(src, dest, marks, l.marks)
		return nil
	}))
	if err != nil {
		l.report.add(Problem{File: file, Message: "merging: " + err.Error()})
	}
}

// finish decodes what came together and checks it.
func (l *loader) finish() (Config, error) {
	var c Config
	if err := decode(l.k, &c); err != nil {
		l.report.add(Problem{Message: err.Error()})
	} else {
		l.imply(&c)
		check(c, l.marks, &l.report)
	}
	if err := l.report.err(); err != nil {
		return Config{}, err
	}
	return c, nil
}

// imply draws conclusions from what was given: whoever names a server and no
// driver wants the server used, rather than silently left aside.
func (l *loader) imply(c *Config) {
	if c.Storage.Postgres.URL != "" && !l.marks.given("storage", "driver") {
		c.Storage.Driver = StoragePostgres
	}
	if c.Redis.URL != "" && !l.marks.given("redis", "driver") {
		c.Redis.Driver = RedisServer
	}
	if c.Instances == nil {
		c.Instances = []Instance{} // an empty list in JSON
	}
}

// decode is strict: whatever the shaper let through must fit, key by key. A
// decoder configuration of one's own drops koanf's hooks, so the one that is
// needed is named again.
func decode(k *koanf.Koanf, into any) error {
	err := k.UnmarshalWithConf("", into, koanf.UnmarshalConf{DecoderConfig: &mapstructure.DecoderConfig{
		ErrorUnused: true,
		DecodeHook:  mapstructure.TextUnmarshallerHookFunc(),
	}})
	if err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// readFile reads a file that is not too large. Its error leaves out the name,
// which the message has already.
func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, reason(err)
	}
	defer func() { _ = f.Close() }() // only read from
	data, err := io.ReadAll(io.LimitReader(f, maxDocumentBytes+1))
	return data, reason(err)
}

func reason(err error) error {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err
	}
	return err
}
