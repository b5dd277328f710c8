package admin_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/client"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/supervisor/admin/wire"
)

func TestProcessTellsOfItself(t *testing.T) {
	t.Parallel()
	double := newDouble("one")
	c := dial(t, serve(t, options(double)), "")
	ctx := t.Context()
	if err := c.Health(ctx); err != nil {
		t.Error(err)
	}
	if got, err := c.Version(ctx); err != nil || got.Version != "1.2.3" {
		t.Errorf("version: %+v, %v", got, err)
	}
	var metrics, document strings.Builder
	if err := c.Metrics(ctx, &metrics); err != nil || metrics.String() != "custodian_instances 1\n" {
		t.Errorf("metrics: %s, %v", metrics.String(), err)
	}
	if err := c.OpenAPI(ctx, &document); err != nil || !json.Valid([]byte(document.String())) {
		t.Errorf("document: %v", err)
	}
	if got, err := c.Readiness(ctx); err != nil || !got.Ready || got.Instances["running"] != 1 {
		t.Errorf("readiness: %+v, %v", got, err)
	}
	double.readiness = supervisor.Readiness{Status: "draining", Instances: map[string]int{}, NotReady: []string{"one"}}
	if got, err := c.Readiness(ctx); err != nil || got.Ready || got.Status != "draining" || len(got.NotReady) != 1 {
		t.Errorf("readiness while draining: %+v, %v", got, err)
	}
	if got := ask(t, admin.New(options(double)), "GET", "/readyz", ""); got.status != 503 {
		t.Errorf("got %d", got.status)
	}
}

func TestLevelOfTheLogCanBeChanged(t *testing.T) {
	t.Parallel()
	c := dial(t, serve(t, options(newDouble())), "")
	if err := c.SetLogLevel(t.Context(), "debug"); err != nil {
		t.Error(err)
	}
	if got, err := c.LogLevel(t.Context()); err != nil || got != "debug" {
		t.Errorf("%s, %v", got, err)
	}
	err := c.SetLogLevel(t.Context(), "loud")
	if e, ok := errors.AsType[*client.Error](err); !ok || !e.BadInput() || strings.Join(e.Allowed, " ") != "debug info warn error" {
		t.Errorf("got %v", err)
	}
}

func TestWithoutMetricsThereIsNoSuchPath(t *testing.T) {
	t.Parallel()
	o := options(newDouble())
	o.Metrics = nil
	if got := ask(t, admin.New(o), "GET", "/metrics", ""); got.status != 404 {
		t.Errorf("got %d", got.status)
	}
}

func TestWireHasAllThatTheSupervisorTells(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]any{
		{supervisor.Status{}, wire.Instance{}}, {supervisor.DrainProgress{}, wire.Drain{}}, {supervisor.Event{}, wire.Event{}},
		{supervisor.Change{}, wire.Change{}}, {supervisor.Readiness{}, wire.Readiness{}}, {supervisor.Document{}, wire.Config{}},
	} {
		if inside, outside := jsonNames(pair[0]), jsonNames(pair[1]); !reflect.DeepEqual(inside, outside) {
			t.Errorf("%T has %v, %T %v", pair[0], inside, pair[1], outside)
		}
	}
}

// TestWireShowsEveryField fills a status and compares its JSON on both sides.
func TestWireShowsEveryField(t *testing.T) {
	t.Parallel()
	status := supervisor.Status{
		Name: "one", State: supervisor.StateDraining, Restarts: 2, LastError: "no", HTTPAddr: "h", GRPCAddr: "g", Schema: "s", RedisPrefix: "r",
		ManagedBy: supervisor.FromFile, Profile: "instant", Storage: "memory", Ready: true, Degraded: true, DegradedBy: "Redis", Durable: 7, Projected: 6,
		Drain: &supervisor.DrainProgress{Step: "finishing", InFlight: 3},
	}
	if v := reflect.ValueOf(status); true {
		for i := range v.NumField() {
			if v.Type().Field(i).Name != "Since" && v.Field(i).IsZero() {
				t.Fatalf("the test leaves out %s", v.Type().Field(i).Name)
			}
		}
	}
	double := newDouble()
	double.list = []supervisor.Status{status}
	got := ask(t, admin.New(options(double)), "GET", "/admin/v1/instances/one", "")
	want, err := json.Marshal(status)
	if err != nil {
		t.Fatal(err)
	}
	if got.body != string(want)+"\n" {
		t.Errorf("got  %swant %s", got.body, want)
	}
}

func jsonNames(v any) []string {
	var names []string
	for field := range reflect.TypeOf(v).Fields() {
		names = append(names, field.Tag.Get("json"))
	}
	return names
}
