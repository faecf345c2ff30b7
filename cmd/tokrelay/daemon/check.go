package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/cdc"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/metrics"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// How a Finding stands.
const (
	FindingOK   = "ok"
	FindingWarn = "warn" // it works, and may not for long or not as meant
	FindingFail = "fail" // it does not work
)

// Finding is what one check found. Says and Cure hold no personal data and no secret.
type Finding struct {
	State string `json:"state"`
	What  string `json:"what"` // "topic shop.public.orders"
	Says  string `json:"says"`
	Cure  string `json:"cure,omitempty"`
}

// checkup looks at everything a configuration talks about. It changes nothing and sends no row.
type checkup struct {
	*Daemon
	emit func(Finding)
	now  time.Time
}

// CheckOnline tells emit what each check found, in the order in which one would repair.
func CheckOnline(ctx context.Context, c *Config, o Options, emit func(Finding)) error {
	registry := c.SchemaRegistry
	c.SchemaRegistry.MissingRetry = new(settings.Duration) // nothing is waited for
	defer func() { c.SchemaRegistry = registry }()
	d, err := newHelper(c, o)
	if err != nil {
		return err
	}
	defer d.close()
	u := &checkup{Daemon: d, emit: emit, now: time.Now()}
	reached := u.brokers(ctx)
	if reached {
		u.kafka(ctx)
	}
	registered := u.registryAnswers(ctx)
	for i := range c.Syncs {
		if reached {
			u.rows(ctx, &c.Syncs[i], registered)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(c.Connections)) {
		u.connection(ctx, name)
	}
	return ctx.Err()
}

func (u *checkup) ok(what, says string)         { u.emit(Finding{FindingOK, what, says, ""}) }
func (u *checkup) warn(what, says, cure string) { u.emit(Finding{FindingWarn, what, says, cure}) }
func (u *checkup) fail(what, says, cure string) { u.emit(Finding{FindingFail, what, says, cure}) }

// failed tells of a question that could not be answered.
func (u *checkup) failed(what string, err error) {
	u.fail(what, err.Error(), "see whether the cluster is healthy and this client may ask")
}

func (u *checkup) brokers(ctx context.Context) bool {
	quick, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list := strings.Join(u.Config.Kafka.Brokers, ", ")
	if err := u.admin.Ping(quick); err != nil {
		u.fail("brokers", err.Error(), "none of "+list+" answers: start Kafka, or correct kafka.brokers, kafka.tls and kafka.sasl")
		return false
	}
	u.ok("brokers", list+" answer")
	return true
}

// kafka looks at topics, groups, and what this client may do with them.
func (u *checkup) kafka(ctx context.Context) {
	largest := 0
	for i := range u.Config.Syncs {
		largest = max(largest, u.sources(ctx, &u.Config.Syncs[i]))
	}
	u.ownTopicsSet(ctx, largest)
}

// sources looks at what a sync reads, and gives the largest record its topics take.
func (u *checkup) sources(ctx context.Context, s *Sync) (largest int) {
	topics, err := s.topics(ctx, u.admin)
	if err != nil {
		u.failed("sync "+s.Name, err)
		return 0
	}
	if len(topics) == 0 {
		u.warn("sync "+s.Name, "no topic matches "+s.Pattern+" yet", "the sync waits for one; correct topic_pattern if it should match")
	}
	there, err := u.admin.Topics(ctx, topics...)
	rights, other := u.admin.TopicRights(ctx, topics...)
	if err := errors.Join(other, ignoreDenied(err)); err != nil {
		u.failed("sync "+s.Name, err)
		return 0
	}
	for _, name := range topics {
		t, exists := there[name]
		largest = max(largest, t.MaxMessageBytes)
		u.source(s, name, t, exists, rights)
	}
	u.group(ctx, s)
	return largest
}

// ignoreDenied leaves topics that may not be described to the check of rights.
func ignoreDenied(err error) error {
	if err != nil && strings.Contains(err.Error(), "AUTHORIZATION_FAILED") {
		return nil
	}
	return err
}

func (u *checkup) source(s *Sync, name string, t kafka.Topic, exists bool, rights map[string]kafka.Rights) {
	what := "topic " + name
	r, known := rights[name]
	switch {
	case !known && !exists:
		u.fail(what, "does not exist", "correct the topic of sync "+s.Name+", or start its connector: the sync waits for it")
		return
	case !r.Has(kafka.RightRead):
		u.fail(what, "this client may not read it", u.acl(kafka.RightRead, "--topic", name))
		return
	case !r.Has(kafka.RightDescribeConfigs):
		u.warn(what, "this client may not see its settings, so that they are not checked", u.acl(kafka.RightDescribeConfigs, "--topic", name))
		return
	}
	says := fmt.Sprintf("%d partition(s), cleanup.policy %s", t.Partitions, t.Policy)
	switch {
	case s.Kind() == KindEvents && t.Compacted():
		u.warn(what, says+": compaction removes events that have not been read", "set cleanup.policy=delete with a retention longer than your longest outage")
	case s.isAudience() && !t.Compacted():
		u.warn(what, says+": rows older than its retention are missing in a resync", "set cleanup.policy=compact on topics of audiences, keyed by the member")
	default:
		u.ok(what, says)
	}
}

// acl is the command that grants a right.
func (u *checkup) acl(right kafka.Right, resource, name string) string {
	principal := "User:<this client's principal>"
	if sasl := u.Config.Kafka.SASL; sasl != nil && sasl.Username != "" {
		principal = "User:" + sasl.Username
	}
	return fmt.Sprintf("kafka-acls.sh --bootstrap-server %s --add --allow-principal '%s' --operation %s %s %s",
		u.Config.Kafka.Brokers[0], principal, right, resource, name)
}

func (u *checkup) group(ctx context.Context, s *Sync) {
	name := u.Config.GroupOf(s)
	for _, group := range []string{name, name + ".replay"} {
		rights, err := u.admin.GroupRights(ctx, group)
		switch {
		case err != nil:
			u.failed("group "+group, err)
		case !rights.Has(kafka.RightRead):
			u.fail("group "+group, "this client may not use it", u.acl(kafka.RightRead, "--resource-pattern-type prefixed --group", name))
		case group == name:
			u.ok("group "+group, "may be used")
		}
	}
}

// registryAnswers tells whether schemas can be asked for.
func (u *checkup) registryAnswers(ctx context.Context) bool {
	if len(u.Config.SchemaRegistry.URL) == 0 {
		return false
	}
	quick, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := u.registry.Ping(quick); err != nil {
		u.fail("schema registry", err.Error(), "start it, or correct schema_registry.url and its credentials")
		return false
	}
	u.ok("schema registry", strings.Join(u.Config.SchemaRegistry.URL, ", ")+" answers")
	return true
}

// checkFlow is a sync's way with a decoder, for trying rows.
func (u *checkup) checkFlow(s *Sync) (*Flow, error) {
	f, err := NewFlow(s, time.Now, nil)
	if err != nil {
		return nil, err
	}
	schemas, err := cdc.NewRegistry(u.Config.SchemaRegistry, cdc.RegistryDeps{Log: slog.New(slog.DiscardHandler), Metrics: metrics.New()})
	if err != nil {
		return nil, err
	}
	return f, f.DecodeWith(schemas, u.Metrics, slog.New(slog.DiscardHandler))
}
