package obs_test

import (
	"strings"
	"testing"

	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/obs"
	"github.com/quantfidential/trading-ecosystem/custodian-simulator-go/sim"
)

var _ sim.DomainMetrics = (*obs.Instance)(nil)

func TestAnEndpointThatIsGoneLeavesNoSeriesAndItsRoom(t *testing.T) {
	t.Parallel()
	_, instance := newInstance(t, obs.InstanceOptions{LabelValues: 1})
	instance.RecordWebhookDelivered("first")
	instance.SetWebhookLag("first", 3)
	instance.RecordWebhookAttemptFailed("first", "sorcery")
	instance.ForgetWebhook("first")
	instance.SetWebhookLag("second", 5)
	families, err := instance.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	var seen []string
	for _, family := range families {
		if strings.HasPrefix(family.GetName(), "custodian_webhook") {
			for _, m := range family.GetMetric() {
				seen = append(seen, family.GetName()+" "+m.GetLabel()[0].GetValue())
			}
		}
	}
	if len(seen) != 1 || seen[0] != "custodian_webhook_lag_events second" {
		t.Errorf("series are %q, expected the lag of the second endpoint alone", seen)
	}
}
