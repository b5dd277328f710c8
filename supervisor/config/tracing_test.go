package config

import (
	"strings"
	"testing"
)

func TestTracesGoToAURLWithoutSecrets(t *testing.T) {
	t.Parallel()
	for endpoint, says := range map[string]string{
		"":                              "",
		"http://127.0.0.1:4318":         "",
		"https://traces.example/v1/otl": "",
		"127.0.0.1:4318":                "is no URL of an OTLP receiver",
		"grpc://127.0.0.1:4317":         "such as http://127.0.0.1:4318",
		"http://me:secret@127.0.0.1":    "OTEL_EXPORTER_OTLP_HEADERS",
		"http://127.0.0.1/?key=secret":  "OTEL_EXPORTER_OTLP_HEADERS",
	} {
		c := Default()
		c.Tracing.Endpoint = endpoint
		err := Validate(c)
		switch {
		case says == "" && err != nil:
			t.Errorf("%q: %v", endpoint, err)
		case says != "" && (err == nil || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), "tracing.endpoint") || strings.Contains(err.Error(), "secret")):
			t.Errorf("%q: %v", endpoint, err)
		}
	}
}
