package sim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

func endpoints(b *books) string {
	var ids []string
	for _, v := range b.state.WebhookEndpoints() {
		ids = append(ids, v.ID+" "+string(v.Body))
	}
	return strings.Join(ids, ", ")
}

func TestSettingsOfWebhookEndpointsAreKeptWithTheirStates(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	if err := b.refuse(sim.SaveWebhookEndpoint{ID: "ops", Settings: []byte(`{}`)}); err.Code != sim.CodeNotFound {
		t.Errorf("settings without a state are answered with %v", err)
	}
	b.accept(sim.SaveWebhookEndpoint{ID: "ops", Settings: []byte(`{"secret":"s"}`), State: []byte(`{"sequence":1}`)})
	e := b.last()
	if e.Type != sim.EventWebhookSaved || !e.Type.Housekeeping() || len(e.Documents) != 2 || e.Documents[0].Secret() || !e.Documents[1].Secret() {
		t.Errorf("the event is %s with %d documents; the state is to be the first, the settings to be secret", e.Type, len(e.Documents))
	}
	b.accept(sim.SaveWebhookEndpoint{ID: "a", Settings: []byte(`{}`), State: []byte(`{}`)})
	b.accept(sim.SaveWebhook{ID: "ops", State: []byte(`{"sequence":2}`)})
	b.accept(sim.SaveWebhookEndpoint{ID: "ops", Settings: []byte(`{"secret":"t"}`)})
	if got := string(b.state.Document(sim.DocumentWebhook, "ops").Body); got != `{"sequence":2}` {
		t.Errorf("new settings made the state %s", got)
	}
	b.seal()
	b = b.reload(wideRules())
	if got, want := endpoints(b), `a {}, ops {"secret":"t"}`; got != want {
		t.Errorf("after a start there are %s, expected %s", got, want)
	}

	b.accept(sim.ForgetWebhook{ID: "ops", SettingsOnly: true})
	if b.state.Document(sim.DocumentWebhook, "ops") == nil || endpoints(b) != "a {}" {
		t.Errorf("with the settings alone forgotten there are %s", endpoints(b))
	}
	if err := b.refuse(sim.ForgetWebhook{ID: "ops", SettingsOnly: true}); err.Code != sim.CodeNotFound {
		t.Errorf("forgetting them twice is answered with %v", err)
	}
	b.accept(sim.ForgetWebhook{ID: "a"})
	if b.state.Document(sim.DocumentWebhook, "a") != nil || endpoints(b) != "" {
		t.Errorf("a forgotten endpoint leaves %s", endpoints(b))
	}
}

func TestSettingsOfWebhookEndpointsAreBoundedAndNotPrinted(t *testing.T) {
	t.Parallel()
	b := newBooks(t)
	for _, c := range []struct {
		name, field string
		command     sim.SaveWebhookEndpoint
	}{
		{"no id", "id", sim.SaveWebhookEndpoint{Settings: []byte(`{}`), State: []byte(`{}`)}},
		{"settings that are no object", "settings", sim.SaveWebhookEndpoint{ID: "a", Settings: []byte(`7`), State: []byte(`{}`)}},
		{"settings that are large", "settings", sim.SaveWebhookEndpoint{ID: "a", Settings: fmt.Appendf(nil, `{"a":%q}`, strings.Repeat("x", sim.MaxWebhookSettings)), State: []byte(`{}`)}},
		{"a state that is no object", "state", sim.SaveWebhookEndpoint{ID: "a", Settings: []byte(`{}`), State: []byte(`7`)}},
	} {
		if err := b.refuse(c.command); err.Code != sim.CodeInvalid || err.Field != c.field {
			t.Errorf("%s: answered with %v about %q", c.name, err, err.Field)
		}
	}
	for n := range sim.MaxWebhooks {
		b.accept(sim.SaveWebhookEndpoint{ID: fmt.Sprint(n), Settings: []byte(`{}`), State: []byte(`{}`)})
	}
	if err := b.refuse(sim.SaveWebhookEndpoint{ID: "more", Settings: []byte(`{}`), State: []byte(`{}`)}); err.Code != sim.CodeLimitReached {
		t.Errorf("one too many is answered with %v", err)
	}
	secret := sim.SaveWebhookEndpoint{ID: "a", Settings: []byte(`{"secret":"hush"}`)}
	if text := fmt.Sprintf("%v %+v %#v %s", secret, secret, secret, secret); strings.Contains(text, "hush") || strings.Contains(text, "104 117") || strings.Contains(text, "0x68") {
		t.Errorf("printed it is %s", text)
	}
}
