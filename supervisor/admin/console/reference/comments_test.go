package main

import (
	"reflect"
	"testing"
)

type inner struct {
	ClientCA string `koanf:"client_ca"`
}

type outer struct {
	Listen string `koanf:"listen"`
	Tokens []int  `koanf:"tokens"`
	HTTP   string `koanf:"http"`
	TLS    inner  `koanf:"tls"`
}

func TestCommentsNameKeysNotFields(t *testing.T) {
	t.Parallel()
	keys := map[string]string{"DataDir": "data_dir"}
	for comment, want := range map[string]string{
		"Listen is host:port.":                                 "host:port",
		"Listen says it. Tokens are let in.":                   "says it. Tokens are let in.",
		"Listen needs Tokens, or TLS.ClientCA, over HTTP.":     "needs `tokens`, or `tls.client_ca`, over HTTP",
		"Listen lies in DataDir, on PostgreSQL.":               "lies in `data_dir`, on PostgreSQL",
		"Listen takes any, as * does.":                         "takes any, as \\* does",
		"Listen is of Unknown.Field or OTEL_EXPORTER_TLS_KEY.": "of Unknown.Field or OTEL_EXPORTER_TLS_KEY",
	} {
		if got := asKey(comment, reflect.TypeFor[outer](), "Listen", keys); got != want {
			t.Errorf("%q became %q, want %q", comment, got, want)
		}
	}
}

func TestAFieldWithoutACommentIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := newTree(root).commentOf(reflect.TypeFor[outer](), "Listen"); err == nil {
		t.Error("it is taken")
	}
}
