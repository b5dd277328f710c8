package obs

import (
	"strings"
	"testing"
)

func TestRedactText(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in, want string }{
		{"plain text", "settled 3 of 4 at 12:30", "settled 3 of 4 at 12:30"},
		{"url", "postgres://user:pw@host:5432/db", "postgres://user:***@host:5432/db"},
		{"url in a sentence", `dial "redis://u:pw@h:1/0": refused`, `dial "redis://u:***@h:1/0": refused`},
		{"no user", "redis://:pw@h:6379", "redis://:***@h:6379"},
		{"empty password", "redis://u:@h:6379", "redis://u:@h:6379"},
		{"user alone", "redis://u@h:6379/0", "redis://u@h:6379/0"},
		{"no user information", "http://127.0.0.1:8080/a@b", "http://127.0.0.1:8080/a@b"},
		{"at in path", "http://host/users/x@y:z", "http://host/users/x@y:z"},
		{"ipv6", "http://[::1]:8080/a@b", "http://[::1]:8080/a@b"},
		{"ipv6 with password", "http://u:pw@[::1]:80/", "http://u:***@[::1]:80/"},
		{"several", "redis://a:b@c,redis://d:e@f g://h", "redis://a:***@c,redis://d:***@f g://h"},
		{"raw at", "postgres://u:p@w@h/db", "postgres://u:***@h/db"},
		{"raw slash", `parse "postgres://u:p/w@h/db": bad port`, `parse "postgres://u:***@h/db": bad port`},
		{"raw space", `parse "postgres://u:p w@h/db": bad`, `parse "postgres://u:***@h/db": bad`},
		{"raw hash", "postgres://u:p#w@h/db", "postgres://u:***@h/db"},
		{"escaped", "postgres://u:p%40w@h/db", "postgres://u:***@h/db"},
		{"cut short", "postgres://", "postgres://"},
		{"keyword", "host=h password=pw user=u", "host=h password=*** user=u"},
		{"keyword with space", `password = 'p \'w' user=u`, `password=*** user=u`},
		{"prefixed keyword", "PGPASSWORD=pw", "PGPASSWORD=***"},
		{"query", "?sslpassword=pw&a=b", "?sslpassword=***&a=b"},
		{"other assignment", "limit=10 tokens=3", "limit=10 tokens=3"},
		{"json", `{"a": "b", "auth_token": "x\"y", "c": 1}`, `{"a": "b", "auth_token": "***", "c": 1}`},
		{"bearer", "Bearer abcdefghijklmnop.qrs", "Bearer ***"},
		{"bearer in words", "a bearer token is needed", "a bearer token is needed"},
	}
	for _, test := range tests {
		if got := redactText(test.in); got != test.want {
			t.Errorf("%s: redactText(%q) = %q, want %q", test.name, test.in, got, test.want)
		}
	}
}

func TestSecretKey(t *testing.T) {
	t.Parallel()
	for _, key := range []string{
		"password", "Token", "admin-token", "clientSecret", "POSTGRES_PASSWORD", "api_key", "x.private.key", "Authorization",
	} {
		if !secretKey(key) {
			t.Errorf("secretKey(%q) = false", key)
		}
	}
	for _, key := range []string{"instance", "account_id", "idempotency_key", "key", "url", "error", ""} {
		if secretKey(key) {
			t.Errorf("secretKey(%q) = true", key)
		}
	}
}

// FuzzRedactText looks for input that makes redaction panic, leak the password
// of a well-formed URL, or change its mind when applied twice.
func FuzzRedactText(f *testing.F) {
	for _, seed := range []string{"", "plain", "a://b:c@d", "password='x", "://::@@//", `"token": "`, "Bearer x"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, before, after string) {
		once := redactText(before)
		_ = redactText(once)
		// A delimiter on each side, so that the URL stands on its own.
		got := redactText(before + "\n postgres://user:Hunter2Hunter2@host/db \n" + after)
		if strings.Contains(got, "Hunter2Hunter2") && !strings.Contains(before+after, "Hunter2Hunter2") {
			t.Errorf("leaked: %q", got)
		}
	})
}

func BenchmarkRedactText(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		redactText("settlement 0197e2a0-7c1e-7000-8000-000000000001 completed in 1.2ms")
	}
}
