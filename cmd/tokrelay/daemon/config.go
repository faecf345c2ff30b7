// Package daemon is the whole of a running tokrelay without its command line: the configuration, the wiring of steps and
// sinks into syncs, the admin address, and the order of start and shutdown. It is the one place that knows every step
// and every sink; run, demo, check, preview and replay are built on it.
package daemon

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/notify"
	"github.com/tokrelay/tokrelay/pipeline/calls"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/deadletter"
	"github.com/tokrelay/tokrelay/pipeline/identity"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/outcomes"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Config is the configuration file.
type Config struct {
	Kafka          kafka.Config             `yaml:"kafka" doc:"The Kafka cluster to read from and to write dead letters to."`
	SchemaRegistry registry.Config          `yaml:"schema_registry" doc:"Where the writers' Avro schemas are."`
	Connections    map[string]tiktok.Config `yaml:"connections" also:"connection" hint:"connections: {main: {advertiser_id: \"7…\", access_token: \"${TIKTOK_ACCESS_TOKEN}\"}}; main is a name of your choice" doc:"TikTok accounts by name; a sync may leave connection out when there is one."`
	DeadLetter     deadletter.Config        `yaml:"dead_letter" doc:"Topics for rejected rows and failed batches."`
	Outcomes       outcomes.Config          `yaml:"outcomes" doc:"How each row ended: a topic that tokrelay find, the state of dead letters and sink connectors read."`
	StateTopic     string                   `yaml:"state_topic" default:"tokrelay.state" doc:"Compacted topic with audience ids, modes and the upload ledger."`
	Calls          calls.Config             `yaml:"calls" doc:"What is remembered of API calls, for the page."`
	Admin          Admin                    `yaml:"admin" doc:"The page, metrics and probes."`
	Notify         notify.Config            `yaml:"notify" doc:"Tell operators of syncs that are held up and go on, and of uploads, where there is no Alertmanager."`
	LogLevel       string                   `yaml:"log_level" enum:"debug,info,warn,error" doc:"In place of --log-level, and read again at SIGHUP."`
	Memory         *settings.Size           `yaml:"memory" doc:"Most memory of the process but for the members of streamed audiences and the building of files, divided among the syncs. Left out: GOMEMLIMIT, else nine tenths of the container's limit, else 512MiB."`
	Shutdown       Shutdown                 `yaml:"shutdown" doc:"How the daemon stops."`
	Syncs          []Sync                   `yaml:"syncs" also:"sync,flows,pipelines" hint:"each sync begins with a dash: - name: purchases" doc:"The flows: source topic to TikTok destination."`
}

// Shutdown says how long a stop may take.
type Shutdown struct {
	Drain settings.Duration `yaml:"drain" default:"45s" doc:"What is in flight at SIGTERM, and the last commit, may take this long; then rows are left to the next start and the exit code is 3. At least kafka.revoke_drain."`
}

// Load reads and checks a configuration file; env is what its ${…} stand for. The report holds every problem; the Config is
// only usable when report.Err() is nil.
func Load(path string, env settings.Lookup) (*Config, *settings.Report, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, nil, fmt.Errorf("read configuration: %w", err)
	}
	c, report := Parse(text, env)
	report.File = path
	return c, report, nil
}

// Parse is Load for a text.
func Parse(text []byte, env settings.Lookup) (*Config, *settings.Report) {
	c := &Config{}
	report := settings.Load(text, c, env)
	for i := range c.Syncs {
		_, connection := c.ConnectionOf(&c.Syncs[i])
		c.Syncs[i].advertiser, c.Syncs[i].own, c.Syncs[i].owners = connection.AdvertiserID, c.ownNames(), c.ownersPattern()
	}
	c.Validate(settings.Root(report))
	if report.Err() == nil {
		c.warnOfOldRows(settings.Root(report))
	}
	return c, report
}

// hash distinguishes configurations, for tokrelay_config_info. Secrets are not in it, and neither is the instance's own name:
// instances that do the same have the same hash.
func (c *Config) hash() string {
	same := *c
	same.Kafka.InstanceID = ""
	sum := sha256.Sum256(settings.Effective(&same))
	return hex.EncodeToString(sum[:6])
}

// Validate reports everything that cannot work, package by package.
func (c *Config) Validate(at settings.Place) {
	c.Kafka.Validate(at.Key("kafka"))
	c.SchemaRegistry.Validate(at.Key("schema_registry"))
	if len(c.Connections) == 0 {
		at.Key("connections").Problem("required", "at least one TikTok account")
	}
	for _, name := range slices.Sorted(maps.Keys(c.Connections)) {
		connection := c.Connections[name]
		connection.Validate(at.Key("connections").Key(name))
	}
	if c.StateTopic == "" {
		at.Key("state_topic").Problem("must not be empty", "leave it out for the default")
	}
	if c.Memory != nil && *c.Memory < leastMemory {
		at.Key("memory").Problem("must be at least 64MiB", "leave it out for what the container has")
	}
	c.DeadLetter.Validate(at.Key("dead_letter"))
	c.Outcomes.Validate(at.Key("outcomes"))
	c.Calls.Validate(at.Key("calls"))
	c.validateOwnTopics(at)
	c.Admin.Validate(at.Key("admin"))
	c.Notify.Validate(at.Key("notify"))
	if len(c.Syncs) == 0 {
		at.Key("syncs").Problem("required", "at least one flow from a topic to TikTok")
	}
	c.Budget().validate(at)
	seen := map[string]bool{}
	for i := range c.Syncs {
		c.validateSync(&c.Syncs[i], seen, at.Key("syncs").Index(i))
	}
	c.validateAudiences(at)
	c.validateOwners(at)
}

// ConnectionOf is the name and settings of the sync's TikTok account.
func (c *Config) ConnectionOf(s *Sync) (string, tiktok.Config) {
	if s.Connection == "" {
		for name, connection := range c.Connections {
			return name, connection
		}
	}
	return s.Connection, c.Connections[s.Connection]
}

// GroupOf is the sync's consumer group.
func (c *Config) GroupOf(s *Sync) string { return cmp.Or(s.Group, c.Kafka.GroupOf(s.Name)) }

// Sync finds a sync by name.
func (c *Config) Sync(name string) (*Sync, error) {
	for i := range c.Syncs {
		if c.Syncs[i].Name == name {
			return &c.Syncs[i], nil
		}
	}
	var names []string
	for _, s := range c.Syncs {
		names = append(names, s.Name)
	}
	if near := settings.DidYouMean(name, names); near != "" {
		return nil, fmt.Errorf("no sync named %q: %s", name, near)
	}
	return nil, fmt.Errorf("no sync named %q; the configuration has %v", name, names)
}

// Countries are those the configuration names for phone numbers in national form, each once.
func (c *Config) Countries() (list []identity.Country) {
	for i := range c.Syncs {
		for _, code := range c.Syncs[i].countries() {
			if country, ok := identity.ParseCountry([]byte(code)); ok && !slices.Contains(list, country) {
				list = append(list, country)
			}
		}
	}
	return list
}
