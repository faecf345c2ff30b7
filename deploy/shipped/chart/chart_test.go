// Package chart renders the Helm chart and the Kustomize folders, and decodes every object strictly into Kubernetes' types.
package chart

import (
	"flag"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/common/util"
	"helm.sh/helm/v4/pkg/chart/v2/lint"
	"helm.sh/helm/v4/pkg/chart/v2/lint/support"
	"helm.sh/helm/v4/pkg/chart/v2/loader"
	"helm.sh/helm/v4/pkg/engine"
	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	networking "k8s.io/api/networking/v1"
	policy "k8s.io/api/policy/v1"
	meta "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write the files of deploy/kubernetes from the chart again")

const (
	folder    = "../../helm/tokrelay"
	manifests = "../../kubernetes"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // Helm says of each reading that rules.yml is a link
	os.Exit(m.Run())
}

// rendered are the chart's objects by template, without Helm's own files and those that render to nothing.
func rendered(t *testing.T, release string, values map[string]any) (map[string]string, error) {
	t.Helper()
	c, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	options := common.ReleaseOptions{Name: release, Namespace: "tokrelay", Revision: 1, IsInstall: true}
	all, err := util.ToRenderValues(c, values, options, common.DefaultCapabilities)
	if err != nil {
		return nil, err
	}
	texts, err := engine.Render(c, all)
	if err != nil {
		return nil, err
	}
	objects := map[string]string{}
	for path, text := range texts {
		if strings.HasSuffix(path, ".yaml") && strings.TrimSpace(text) != "" {
			objects[filepath.Base(path)] = strings.TrimSpace(text) + "\n"
		}
	}
	return objects, nil
}

func mustRender(t *testing.T, release string, values map[string]any) map[string]string {
	t.Helper()
	objects, err := rendered(t, release, values)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

// everything sets each value of the chart to something else than its default.
func everything(t *testing.T) (values map[string]any) {
	t.Helper()
	text, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(text, &values); err != nil {
		t.Fatal(err)
	}
	return values
}

func TestTheChartPassesHelmsLint(t *testing.T) {
	for name, values := range map[string]map[string]any{"defaults": {}, "everything": everything(t)} {
		for _, m := range lint.RunAll(folder, values, "tokrelay").Messages {
			if m.Severity > support.InfoSev {
				t.Errorf("%s: %s: %v", name, m.Path, m.Err)
			}
		}
	}
}

// TestTheBaseIsTheChart holds the files of deploy/kubernetes equal to what the chart renders; -update writes them.
func TestTheBaseIsTheChart(t *testing.T) {
	objects := mustRender(t, "tokrelay", map[string]any{
		"monitoring": map[string]any{"enabled": true}, "autoscaling": map[string]any{"enabled": true},
	})
	delete(objects, "rules.yaml") // written by the test of deploy, from the same rules.yml
	maps.Copy(objects, mustRender(t, "tokrelay", nil))
	folders := map[string]string{"servicemonitor.yaml": "monitoring", "scaledobject.yaml": "keda"}
	if len(objects) != 7 {
		t.Errorf("got %d files, want 7: %v", len(objects), slices.Sorted(maps.Keys(objects)))
	}
	for name, text := range objects {
		in := folders[name]
		if in == "" {
			in = "base"
		}
		path := filepath.Join(manifests, in, name)
		text = "# Written from deploy/helm/tokrelay/templates/" + name + "\n" + text
		if *update {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := os.ReadFile(path); err != nil || string(got) != text {
			t.Errorf("%s is not what the chart renders (%v); run go test ./... -run Base -update in deploy/shipped", path, err)
		}
	}
}

// types are the kinds in use. ScaledObject is missing: KEDA's types bring a whole operator along.
var types = map[string]func() any{
	"v1/Namespace": func() any { return new(core.Namespace) }, "v1/ConfigMap": func() any { return new(core.ConfigMap) },
	"v1/Service": func() any { return new(core.Service) }, "v1/ServiceAccount": func() any { return new(core.ServiceAccount) },
	"apps/v1/StatefulSet":                     func() any { return new(apps.StatefulSet) },
	"policy/v1/PodDisruptionBudget":           func() any { return new(policy.PodDisruptionBudget) },
	"networking.k8s.io/v1/NetworkPolicy":      func() any { return new(networking.NetworkPolicy) },
	"monitoring.coreos.com/v1/ServiceMonitor": func() any { return new(monitoring.ServiceMonitor) },
	"monitoring.coreos.com/v1/PrometheusRule": func() any { return new(monitoring.PrometheusRule) },
	"keda.sh/v1alpha1/ScaledObject":           func() any { return new(map[string]any) },
}

// decode reads an object into its type; a key that the type does not have is an error.
func decode(t *testing.T, where, text string) any {
	t.Helper()
	var head meta.TypeMeta
	if err := yaml.Unmarshal([]byte(text), &head); err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	typed, ok := types[head.APIVersion+"/"+head.Kind]
	if !ok {
		t.Fatalf("%s: no such kind is known: %s/%s", where, head.APIVersion, head.Kind)
	}
	object := typed()
	if err := yaml.UnmarshalStrict([]byte(text), object); err != nil {
		t.Errorf("%s: %v\n%s", where, err, text)
	}
	return object
}

func TestEveryObjectOfTheChartDecodes(t *testing.T) {
	for release, values := range map[string]map[string]any{"tokrelay": nil, "relay-eu": everything(t)} {
		for name, text := range mustRender(t, release, values) {
			decode(t, name, text)
			if text = strings.ReplaceAll(text, "app.kubernetes.io/instance: tokrelay", ""); release != "tokrelay" && strings.Contains(text, "name: tokrelay}") {
				t.Errorf("%s: %s names an object of another release", release, name)
			}
		}
	}
}

// built are the objects that `kubectl apply -k` makes of a folder.
func built(t *testing.T, name string) []string {
	t.Helper()
	objects, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), filepath.Join(manifests, name))
	if err != nil {
		t.Fatalf("%s: %v", name, err)
	}
	text, err := objects.AsYaml()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(string(text), "\n---\n")
}

// TestTheFoldersBuild: what kubectl would apply decodes, and the pods run the image of the chart.
func TestTheFoldersBuild(t *testing.T) {
	chart := decode(t, "chart", mustRender(t, "tokrelay", nil)["statefulset.yaml"]).(*apps.StatefulSet)
	for name, want := range map[string]int{"base": 7, "keda": 8, "monitoring": 2} {
		objects := built(t, name)
		if len(objects) != want {
			t.Errorf("%s: got %d objects, want %d", name, len(objects), want)
		}
		for _, text := range objects {
			set, ok := decode(t, name, text).(*apps.StatefulSet)
			if !ok {
				continue
			}
			pod := set.Spec.Template.Spec
			if got, want := pod.Containers[0].Image, chart.Spec.Template.Spec.Containers[0].Image; got != want {
				t.Errorf("%s: got image %s, want %s", name, got, want)
			}
			if !strings.HasPrefix(pod.Volumes[0].ConfigMap.Name, "tokrelay-config-") {
				t.Errorf("%s: the pods read the ConfigMap %s, whose name has no hash", name, pod.Volumes[0].ConfigMap.Name)
			}
			if autoscaled := set.Spec.Replicas == nil; autoscaled != (name == "keda") {
				t.Errorf("%s: autoscaled %t", name, autoscaled)
			}
		}
	}
}

func TestAConfigurationReachesThePods(t *testing.T) {
	text := "kafka: {brokers: [one:9092]}\nsyncs: [] # none\n"
	first := mustRender(t, "tokrelay", map[string]any{"config": text})
	if got := decode(t, "configmap", first["configmap.yaml"]).(*core.ConfigMap); strings.TrimSpace(got.Data["tokrelay.yaml"]) != strings.TrimSpace(text) {
		t.Errorf("got %q, want the text as it is", got.Data["tokrelay.yaml"])
	}
	if second := mustRender(t, "tokrelay", map[string]any{"config": text + "\n"}); first["statefulset.yaml"] == second["statefulset.yaml"] {
		t.Error("another configuration does not roll the pods")
	}
	if _, ok := mustRender(t, "tokrelay", nil)["configmap.yaml"]; ok {
		t.Error("without a configuration the chart takes the ConfigMap that is there")
	}
}

func TestWrongValuesAreRefused(t *testing.T) {
	for name, values := range map[string]map[string]any{
		"replicas":                  {"replicas": "three"},
		"replica":                   {"replica": 3},
		"image/digest":              {"image": map[string]any{"digest": "latest"}},
		"networkPolicy/otlp/port":   {"networkPolicy": map[string]any{"otlp": map[string]any{"port": 70000}}},
		"gracePeriod":               {"gracePeriod": 10},
		"monitoring/enabled":        {"monitoring": map[string]any{"enabled": "yes"}},
		"autoscaling/prometheus":    {"autoscaling": map[string]any{"prometheus": "prometheus:9090"}},
		"config":                    {"config": map[string]any{"kafka": map[string]any{}}},
		"networkPolicy/kafka/ports": {"networkPolicy": map[string]any{"kafka": map[string]any{"ports": []any{}}}},
	} {
		_, err := rendered(t, "tokrelay", values)
		if last := name[strings.LastIndex(name, "/")+1:]; err == nil || !strings.Contains(err.Error(), last) {
			t.Errorf("%s: got %v, want an error that names it", name, err)
		}
	}
}

// TestEveryValueIsDescribed: the schema, the defaults and the test's values have the same keys, so that none is tried by nobody.
func TestEveryValueIsDescribed(t *testing.T) {
	c, err := loader.Load(folder)
	if err != nil {
		t.Fatal(err)
	}
	var schema struct{ Properties map[string]any }
	if err := yaml.Unmarshal(c.Schema, &schema); err != nil {
		t.Fatal(err)
	}
	delete(schema.Properties, "global") // Helm's own
	defaults, described := slices.Sorted(maps.Keys(c.Values)), slices.Sorted(maps.Keys(schema.Properties))
	if tried := slices.Sorted(maps.Keys(everything(t))); !slices.Equal(defaults, described) || !slices.Equal(defaults, tried) {
		t.Errorf("values.yaml has %v\nthe schema %v\ntestdata/everything.yaml %v", defaults, described, tried)
	}
}
