package deploy_test

import (
	"bytes"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

var update = flag.Bool("update", false, "write the files again that are made of others")

// object is a Kubernetes object.
type object struct {
	path             string
	APIVersion, Kind string
	Metadata         struct{ Name string }
	Spec             map[string]any
	all              map[string]any
}

// apis are the kinds in use and their versions, so that a typing error shows without a cluster.
var apis = map[string]string{
	"Namespace": "v1", "ServiceAccount": "v1", "Service": "v1", "StatefulSet": "apps/v1", "PodDisruptionBudget": "policy/v1",
	"NetworkPolicy": "networking.k8s.io/v1", "ServiceMonitor": "monitoring.coreos.com/v1", "PrometheusRule": "monitoring.coreos.com/v1",
	"ScaledObject": "keda.sh/v1alpha1", "Kustomization": "kustomize.config.k8s.io/v1beta1",
}

func objects(t *testing.T) (list []object) {
	t.Helper()
	paths, err := filepath.Glob("kubernetes/*/*.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		if filepath.Base(path) == "tokrelay.yaml" {
			continue
		}
		decoder := yaml.NewDecoder(bytes.NewReader([]byte(read(t, path))))
		for {
			o := object{path: path}
			if err := decoder.Decode(&o.all); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			o.APIVersion, o.Kind = text(o.all, "apiVersion"), text(o.all, "kind")
			o.Metadata.Name = text(o.all, "metadata.name")
			o.Spec, _ = at(o.all, "spec").(map[string]any)
			list = append(list, o)
		}
	}
	if len(list) < 10 {
		t.Fatalf("%d objects: the test looks at nothing", len(list))
	}
	return list
}

// at walks a tree by keys with dots in between; "0" is a list's first.
func at(tree any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch node := tree.(type) {
		case map[string]any:
			tree = node[key]
		case []any:
			if len(node) == 0 {
				return nil
			}
			tree = node[0]
		default:
			return nil
		}
	}
	return tree
}

func text(tree any, path string) string {
	s, _ := at(tree, path).(string)
	return s
}

func TestManifestsAreOfKnownKindsAndListed(t *testing.T) {
	listed := map[string]bool{}
	for _, o := range objects(t) {
		if o.Kind == "Kustomization" {
			resources, _ := o.all["resources"].([]any)
			for _, r := range resources {
				path := filepath.Join(filepath.Dir(o.path), r.(string))
				listed[path] = true
				if _, err := os.Stat(path); err != nil {
					t.Errorf("%s lists %s: %v", o.path, r, err)
				}
			}
		}
	}
	for _, o := range objects(t) {
		if apis[o.Kind] != o.APIVersion {
			t.Errorf("%s: %s of %s; want %s", o.path, o.Kind, o.APIVersion, apis[o.Kind])
		}
		if o.Kind != "Kustomization" && (!listed[o.path] || o.Metadata.Name != "tokrelay") {
			t.Errorf("%s: named %q, listed %t; want tokrelay, in its kustomization", o.path, o.Metadata.Name, listed[o.path])
		}
	}
}

func kind(t *testing.T, name string) object {
	t.Helper()
	for _, o := range objects(t) {
		if o.Kind == name {
			return o
		}
	}
	t.Fatalf("no %s", name)
	return object{}
}

func TestThePodFitsWhatTheProgramDoes(t *testing.T) {
	set := kind(t, "StatefulSet")
	pod := at(set.Spec, "template.spec")
	port, _ := at(pod, "containers.0.ports.0.containerPort").(int)
	for probe, path := range map[string]string{"livenessProbe": "/livez", "readinessProbe": "/readyz", "startupProbe": "/livez"} {
		if got := text(pod, "containers.0."+probe+".httpGet.path"); got != path {
			t.Errorf("%s asks for %q, want %s", probe, got, path)
		}
		if got, want := text(pod, "containers.0."+probe+".httpGet.port"), text(pod, "containers.0.ports.0.name"); got != want {
			t.Errorf("%s asks port %q; the container has %q", probe, got, want)
		}
	}
	if got, want := text(kind(t, "Service").Spec, "ports.0.targetPort"), text(pod, "containers.0.ports.0.name"); got != want {
		t.Errorf("the Service leads to port %q, want %q", got, want)
	}
	if got := text(kind(t, "ServiceMonitor").Spec, "endpoints.0.port"); got != text(kind(t, "Service").Spec, "ports.0.name") {
		t.Errorf("the ServiceMonitor scrapes port %q, which the Service does not have", got)
	}
	c := kubernetesConfig(t, "base")
	if want := ":8080"; !strings.HasSuffix(c.Admin.Listen, want) || port != 8080 {
		t.Errorf("the configuration listens on %s, the container's port is %d", c.Admin.Listen, port)
	}
	grace, _ := at(pod, "terminationGracePeriodSeconds").(int)
	if least := c.Budget().Supervisor(); time.Duration(grace)*time.Second < least {
		t.Errorf("%d s of grace, want %s at least", grace, least)
	}
	for _, o := range []string{"Service", "PodDisruptionBudget", "NetworkPolicy"} {
		if !strings.Contains(read(t, kind(t, o).path), "app.kubernetes.io/name: tokrelay") {
			t.Errorf("%s does not select the pods", o)
		}
	}
}

func kubernetesConfig(t *testing.T, overlay string) *daemon.Config {
	t.Helper()
	c, report := daemon.Parse([]byte(read(t, "kubernetes/"+overlay+"/tokrelay.yaml")), settings.Vars(map[string]string{"POD_NAME": "tokrelay-0"}))
	if err := report.Err(); err != nil {
		t.Fatalf("kubernetes/%s/tokrelay.yaml: %v", overlay, err)
	}
	return c
}

func TestTheConfigurationsOfThePodsAreValid(t *testing.T) {
	if got := kubernetesConfig(t, "base").Kafka.InstanceID; got != "tokrelay-0" {
		t.Errorf("static membership by the name %q, want the pod's", got)
	}
	if got := kubernetesConfig(t, "keda").Kafka.InstanceID; got != "" {
		t.Errorf("an autoscaled pod is a static member, %q", got)
	}
}

const rulesManifest = "kubernetes/monitoring/rules.yaml"

func TestThePrometheusRuleHasTheRules(t *testing.T) {
	var b strings.Builder
	b.WriteString("# Written from deploy/prometheus/rules.yml: go test ./deploy -run PrometheusRule -update\n")
	b.WriteString("apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata:\n  name: tokrelay\n  labels: {app.kubernetes.io/name: tokrelay}\nspec:\n")
	_, rules, _ := strings.Cut(read(t, "prometheus/rules.yml"), "\ngroups:\n")
	for line := range strings.Lines("groups:\n" + rules) {
		if strings.TrimSpace(line) != "" {
			b.WriteString("  ")
		}
		b.WriteString(line)
	}
	if *update {
		if err := os.WriteFile(rulesManifest, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if read(t, rulesManifest) != b.String() {
		t.Errorf("%s is not what rules.yml says; run go test ./deploy -run PrometheusRule -update", rulesManifest)
	}
	var shipped, applied any
	readYAML(t, "prometheus/rules.yml", &shipped)
	readYAML(t, rulesManifest, &applied)
	if got, want := len(at(applied, "spec.groups").([]any)), len(at(shipped, "groups").([]any)); got != want {
		t.Errorf("%d groups, want %d", got, want)
	}
}

// TestTheUnitFitsWhatTheProgramDoes reads the systemd unit.
func TestTheUnitFitsWhatTheProgramDoes(t *testing.T) {
	unit := map[string]string{}
	for line := range strings.Lines(read(t, "systemd/tokrelay.service")) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), "="); ok && !strings.HasPrefix(key, "#") {
			unit[key] = value
		}
	}
	want := map[string]string{
		"ExecStart":                "tokrelay run -c /etc/tokrelay/tokrelay.yaml",
		"RestartPreventExitStatus": "2", "KillSignal": "SIGTERM", "NoNewPrivileges": "yes",
	}
	if got, err := time.ParseDuration(unit["TimeoutStopSec"]); err != nil || got < new(daemon.Config).Budget().Supervisor() {
		t.Errorf("TimeoutStopSec=%s, want %s at least", unit["TimeoutStopSec"], new(daemon.Config).Budget().Supervisor())
	}
	for _, key := range slices.Sorted(maps.Keys(want)) {
		if unit[key] != want[key] {
			t.Errorf("%s=%s, want %s", key, unit[key], want[key])
		}
	}
}
