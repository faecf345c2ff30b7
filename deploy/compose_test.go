package deploy_test

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// service is what this test looks at of a service of docker-compose.yml.
type service struct {
	Build       any
	Image       string
	Command     any
	Environment map[string]string
	Ports       []string
	Volumes     []string
	DependsOn   map[string]struct{ Condition string } `yaml:"depends_on"`
	Healthcheck struct{ Test []string }
	Patience    string `yaml:"stop_grace_period"`
	Memory      string `yaml:"mem_limit"`
}

type composition struct {
	Services map[string]service
	Volumes  map[string]any
}

func compose(t *testing.T) (c composition) {
	t.Helper()
	readYAML(t, "../docker-compose.yml", &c)
	for _, name := range []string{"kafka", "registry", "postgres", "connect", "tokrelay", "sandbox", "prometheus", "alertmanager", "grafana"} {
		if _, ok := c.Services[name]; !ok {
			t.Fatalf("docker-compose.yml has no service %s", name)
		}
	}
	return c
}

var pinned = regexp.MustCompile(`:v?\d+\.\d+(\.\d+)?([.-]\w+)*$`)

var memory = regexp.MustCompile(`^\d+[mg]$`)

func TestServicesArePinnedAndHealthChecked(t *testing.T) {
	c := compose(t)
	for name, s := range c.Services {
		if s.Build == nil && !pinned.MatchString(s.Image) {
			t.Errorf("%s: image %q is not pinned to a version", name, s.Image)
		}
		if !memory.MatchString(s.Memory) {
			t.Errorf("%s: mem_limit is %q: one service must not take the machine's memory from the others", name, s.Memory)
		}
		if len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s has no health check", name)
		}
		for other, how := range s.DependsOn {
			if _, ok := c.Services[other]; !ok || how.Condition != "service_healthy" {
				t.Errorf("%s waits for %s (%s): want a service that is there, healthy", name, other, how.Condition)
			}
		}
	}
}

func TestWhatServicesMountExists(t *testing.T) {
	c := compose(t)
	mounts := 0
	for name, s := range c.Services {
		for _, v := range s.Volumes {
			source, _, _ := strings.Cut(v, ":")
			if !strings.HasPrefix(source, ".") {
				if _, ok := c.Volumes[source]; !ok {
					t.Errorf("%s mounts the volume %s, which is not declared", name, source)
				}
				continue
			}
			mounts++
			if _, err := os.Stat(filepath.Join("..", source)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if mounts == 0 {
		t.Error("no mounts: the test looks at nothing")
	}
}

func TestPortsAreFreeOfClashesAndOnLoopback(t *testing.T) {
	taken := map[string]string{}
	for name, s := range compose(t).Services {
		for _, p := range s.Ports {
			parts := strings.Split(p, ":")
			if len(parts) != 3 || !net.ParseIP(parts[0]).IsLoopback() {
				t.Errorf("%s publishes %s; want 127.0.0.1:PORT:PORT", name, p)
				continue
			}
			if other, ok := taken[parts[1]]; ok {
				t.Errorf("%s and %s publish port %s", name, other, parts[1])
			}
			taken[parts[1]] = name
		}
	}
}

// topics are what the connector's tables become.
func topics(t *testing.T) (list []string) {
	var connector struct{ Config map[string]string }
	if err := json.Unmarshal([]byte(read(t, "debezium/postgresql.json")), &connector); err != nil {
		t.Fatal(err)
	}
	for table := range strings.SplitSeq(connector.Config["table.include.list"], ",") {
		list = append(list, connector.Config["topic.prefix"]+"."+table)
	}
	return list
}

func TestTheParts(t *testing.T) {
	c := compose(t)
	config, report := daemon.Parse([]byte(read(t, "compose/tokrelay.yaml")), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	for i := range config.Syncs {
		if s := &config.Syncs[i]; !slices.Contains(topics(t), s.Topic) {
			t.Errorf("sync %s reads %s, which the connector does not write", s.Name, s.Topic)
		}
	}
	hosts := []string{config.Kafka.Brokers[0], "prometheus:9090"}
	for _, m := range regexp.MustCompile(`http://([a-z]+:\d+)|"(\w+:\d+)"`).FindAllStringSubmatch(
		read(t, "compose/tokrelay.yaml")+read(t, "prometheus/prometheus.yml")+read(t, "grafana/provisioning/datasources/prometheus.yml")+read(t, "debezium/postgresql.json"), -1) {
		hosts = append(hosts, m[1]+m[2])
	}
	for _, h := range hosts {
		name, _, _ := strings.Cut(h, ":")
		if _, ok := c.Services[name]; !ok {
			t.Errorf("%s is asked for; docker-compose.yml has no service %s", h, name)
		}
	}
}

// TestConnectorsHaveTheSettingsThatMatter is cdc's list of modes that change or spoil what is on the wire.
func TestConnectorsHaveTheSettingsThatMatter(t *testing.T) {
	paths, err := filepath.Glob("debezium/*.json")
	if err != nil || len(paths) != 3 {
		t.Fatalf("%d connectors, %v", len(paths), err)
	}
	for _, path := range paths {
		var connector struct {
			Name   string
			Config map[string]string
		}
		if err := json.Unmarshal([]byte(read(t, path)), &connector); err != nil {
			t.Fatal(err)
		}
		for key, want := range map[string]string{
			"tombstones.on.delete": "true", "schema.name.adjustment.mode": "avro", "decimal.handling.mode": "precise",
			"binary.handling.mode": "bytes", "value.converter.apicurio.registry.dereference-schema": "true",
			"key.converter.apicurio.registry.dereference-schema": "true", "value.converter.apicurio.registry.as-confluent": "true",
		} {
			if got := connector.Config[key]; got != want {
				t.Errorf("%s: %s is %q, want %s", path, key, got, want)
			}
		}
		if strings.HasPrefix(connector.Config["time.precision.mode"], "connect") {
			t.Errorf("%s: connect cuts times to milliseconds", path)
		}
	}
}

func TestTheContainerIsNotKilledBeforeItHasStopped(t *testing.T) {
	c, report := daemon.Parse([]byte(read(t, "compose/tokrelay.yaml")), settings.Vars(nil))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	got, err := time.ParseDuration(compose(t).Services["tokrelay"].Patience)
	if least := c.Budget().Supervisor(); err != nil || got < least {
		t.Errorf("stop_grace_period is %s, want %s at least (%v)", got, least, err)
	}
}
