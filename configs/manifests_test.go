package configs

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// What the manifests promise in the README and in their comments, by file and place.
func TestManifestsKeepTheirPromises(t *testing.T) {
	t.Parallel()
	const pods, app = "spec.template.spec.", "map[app.kubernetes.io/name:custodian]"
	for file, promises := range map[string]map[string]string{
		"base/statefulset.yaml": {
			"spec.replicas": "1", "spec.podManagementPolicy": "Parallel",
			pods + "automountServiceAccountToken": "false", // it asks nothing of Kubernetes
			pods + "enableServiceLinks":           "false", // variables of others could be taken for settings
			pods + "setHostnameAsFQDN":            "true",  // the name under which it is announced can be looked up
			pods + "securityContext.runAsUser":    "65532", pods + "securityContext.runAsGroup": "65532",
			pods + "securityContext.fsGroup":                               "65532", // which may read the secret
			pods + "topologySpreadConstraints.0.topologyKey":               "kubernetes.io/hostname",
			pods + "topologySpreadConstraints.0.labelSelector.matchLabels": app,
			pods + "containers.0.resources.limits.memory":                  "2Gi",
			pods + "containers.0.resources.requests":                       "map[cpu:500m memory:512Mi]",
			pods + "containers.0.startupProbe.failureThreshold":            "60", // 2 s each
			pods + "containers.0.startupProbe.periodSeconds":               "2",
			pods + "containers.0.livenessProbe.failureThreshold":           "6", // a minute
			pods + "containers.0.livenessProbe.periodSeconds":              "10",
			pods + "containers.0.livenessProbe.timeoutSeconds":             "5",
			pods + "volumes.0.configMap.name":                              "custodian-config",
			pods + "volumes.1.secret.defaultMode":                          "288", // 0440
		},
		"base/serviceaccount.yaml": {"automountServiceAccountToken": "false"},
		"base/service.yaml":        {"spec.clusterIP": "None"}, // each pod has a name of its own
		"base/poddisruptionbudget.yaml": {
			"spec.maxUnavailable": "1", "spec.unhealthyPodEvictionPolicy": "AlwaysAllow",
		},
		"base/networkpolicy.yaml": {
			"spec.podSelector.matchLabels": app, "spec.policyTypes": "[Ingress Egress]",
			"spec.ingress.0.from": "[map[podSelector:map[matchLabels:map[custodian-access:caller]]]]",
			"spec.ingress.1.from": "[map[podSelector:map[matchLabels:map[custodian-access:operator]]]]",
			"spec.egress": "[map[ports:[map[port:53 protocol:UDP] map[port:53 protocol:TCP] " +
				"map[port:5432 protocol:TCP] map[port:6379 protocol:TCP] map[port:443 protocol:TCP] map[port:4318 protocol:TCP]]]]",
		},
		"monitoring/networkpolicy.yaml": {
			"kind": "NetworkPolicy", "spec.podSelector.matchLabels": app, "spec.policyTypes": "[Ingress]",
			"spec.ingress": "[map[from:[map[namespaceSelector:map[matchLabels:map[kubernetes.io/metadata.name:monitoring]] " +
				"podSelector:map[matchLabels:map[app.kubernetes.io/name:prometheus]]]] ports:[map[port:admin protocol:TCP]]]]",
		},
		"monitoring/servicemonitor.yaml": {"spec.endpoints.0.interval": "15s"}, // what the rules count with
		"example/namespace.yaml": {
			"kind": "Namespace", "metadata.name": "custodian", "metadata.labels": "map[pod-security.kubernetes.io/enforce:restricted]",
		},
		"base/kustomization.yaml":       {"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization"},
		"monitoring/kustomization.yaml": {"apiVersion": "kustomize.config.k8s.io/v1alpha1", "kind": "Component"},
		"example/kustomization.yaml": {
			"apiVersion": "kustomize.config.k8s.io/v1beta1", "kind": "Kustomization", "namespace": "custodian",
			"resources": "[namespace.yaml ../base]", "components": "[../monitoring]",
			"configMapGenerator.0.behavior": "merge", // into that of the base
		},
	} {
		var document any
		decode(t, filepath.Join(kubernetes, file), &document)
		for place, want := range promises {
			if got := fmt.Sprint(at(document, place)); got != want {
				t.Errorf("%s: %s is %s, want %s", file, place, got, want)
			}
		}
	}
}

// at returns what a document has at a place: names of members, and indices.
func at(document any, place string) any {
	for step := range strings.SplitSeq(place, ".") {
		switch here := document.(type) {
		case map[string]any:
			document = here[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n >= len(here) {
				return nil
			}
			document = here[n]
		default:
			return nil
		}
	}
	return document
}
