// Package check looks at everything a configuration talks about, as tokrelay check --online does: brokers, topics, rights,
// groups, the registry and its schemas, the newest rows, TikTok's accounts, pixels and audiences. It changes nothing and
// sends no row.
package check

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/cdc/registry"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// States of a Finding.
const (
	OK   = "ok"
	Warn = "warn" // it works, and may not for long or not as meant
	Fail = "fail" // it does not work
)

// Finding is what one check found. Says and Cure hold no personal data and no secret.
type Finding struct {
	State string `json:"state"`
	What  string `json:"what"` // "topic shop.public.orders"
	Says  string `json:"says"`
	Cure  string `json:"cure,omitempty"`
}

// checkup is one check of a configuration: what it asks, and where findings go.
type checkup struct {
	config   *daemon.Config
	admin    *admin.Client
	registry *registry.Registry
	accounts map[string]account             // by connection
	stored   func(connection string) string // the file of a token that auth login stored; nil: there is none
	emit     func(Finding)
	now      time.Time
	state    *state.Store // nil: not there yet, or not to be read

	waited time.Duration // for the place of groups
}

// account is a TikTok account.
type account struct {
	client *tiktok.Client
	api    daemon.Unhurried // the client, which asks again where TikTok throttles
	token  *tiktok.Token
}

// Run gives emit what each check found, in the order in which one would repair. stored names the file of a
// connection's token that auth login stored; it may be nil.
func Run(ctx context.Context, c *daemon.Config, stored func(connection string) string, emit func(Finding)) error {
	u := &checkup{config: c, accounts: map[string]account{}, stored: stored, emit: once(emit), now: time.Now()}
	if err := u.clients(); err != nil {
		return err
	}
	defer u.admin.Close()
	reached := u.brokers(ctx)
	if reached {
		u.readState(ctx)
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

func (u *checkup) clients() (err error) {
	if u.registry, err = u.config.Schemas(); err != nil {
		return err
	}
	for name, c := range u.config.Connections {
		var a account
		if a.client, a.token, err = daemon.NewClient(name, c, u.stored); err != nil {
			return fmt.Errorf("connection %s: %w", name, err)
		}
		a.api.API = a.client
		u.accounts[name] = a
	}
	u.admin, err = admin.New(u.config.Kafka, "admin", nil)
	return err
}

// once leaves out what was reported before: syncs share topics.
func once(emit func(Finding)) func(Finding) {
	said := map[Finding]bool{}
	return func(f Finding) {
		if !said[f] {
			said[f] = true
			emit(f)
		}
	}
}

func (u *checkup) ok(what, says string)         { u.emit(Finding{OK, what, says, ""}) }
func (u *checkup) warn(what, says, cure string) { u.emit(Finding{Warn, what, says, cure}) }
func (u *checkup) fail(what, says, cure string) { u.emit(Finding{Fail, what, says, cure}) }

// failed reports a question that could not be answered.
func (u *checkup) failed(what string, err error) {
	u.fail(what, err.Error(), "see whether the cluster is healthy and this client may ask")
}

func (u *checkup) brokers(ctx context.Context) bool {
	quick, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	list := strings.Join(u.config.Kafka.Brokers, ", ")
	if err := u.admin.Ping(quick); err != nil {
		why, cure := u.config.Kafka.Explain(err)
		if why == "" {
			why, cure = err.Error(), "start Kafka, or correct kafka.brokers, kafka.tls and kafka.sasl"
		}
		u.fail("brokers", "none of "+list+" answers: "+why, cure)
		return false
	}
	u.ok("brokers", list+" answer")
	return true
}

// kafka looks at topics, groups, and what this client may do with them.
func (u *checkup) kafka(ctx context.Context) {
	largest := 0
	for i := range u.config.Syncs {
		largest = max(largest, u.sources(ctx, &u.config.Syncs[i]))
	}
	u.ownTopicsSet(ctx, largest)
}

// readState reads what the syncs remember of their audiences.
func (u *checkup) readState(ctx context.Context) {
	if !slices.ContainsFunc(u.config.Syncs, func(s daemon.Sync) bool { return s.IsAudience() }) {
		return
	}
	store, err := u.config.ReadState(ctx, u.admin)
	if err != nil {
		u.warn("topic "+u.config.StateTopic, "could not be read, so that what the syncs are bound to is not checked: "+err.Error(), "see that this client may read it")
		return
	}
	u.state = store
}

// sources looks at what a sync reads, and gives the largest record its topics take.
func (u *checkup) sources(ctx context.Context, s *daemon.Sync) (largest int) {
	topics, err := s.SourceTopics(ctx, u.admin)
	if none, ok := errors.AsType[*daemon.NoTopic](err); ok {
		u.warn("sync "+s.Name, "no topic matches "+none.Pattern+" yet", "the sync waits for one; correct topic_pattern if it should match")
	} else if err != nil {
		u.failed("sync "+s.Name, err)
		return 0
	}
	there, err := u.admin.Topics(ctx, topics...)
	rights, other := u.admin.TopicRights(ctx, topics...)
	if kafka.Denied(err) {
		err = nil // left to the check of rights
	}
	if err := errors.Join(other, err); err != nil {
		u.failed("sync "+s.Name, err)
		return 0
	}
	for _, name := range topics {
		t, exists := there[name]
		largest = max(largest, t.MaxMessageBytes)
		if exists && t.ID == "" {
			u.warn("brokers", "give topics no ids, as those before Kafka 2.8 do: a topic that is deleted and made again cannot be told from the old one, "+
				"so its rows are skipped up to the old one's offsets, and what a file audience kept of the old one is used again",
				"upgrade the brokers; until then run tokrelay resync --sync NAME after a source topic was made again")
		}
		u.source(ctx, s, name, t, exists, rights)
	}
	u.group(ctx, s)
	return largest
}

func (u *checkup) source(ctx context.Context, s *daemon.Sync, name string, t admin.Topic, exists bool, rights map[string]admin.Rights) {
	what := "topic " + name
	r, known := rights[name]
	switch {
	case !known && !exists:
		near := ""
		if all, err := u.admin.Matching(ctx, ".*"); err == nil { // those this client may see
			near = settings.DidYouMean(name, all)
		}
		u.fail(what, strings.TrimSuffix("does not exist: "+near, ": "), "correct the topic of sync "+s.Name+", or start its connector: the sync waits for it")
		return
	case !r.Has(admin.RightRead):
		u.fail(what, "this client may not read it", Grant(u.config.Kafka, "--topic", name, admin.RightRead))
		return
	case !r.Has(admin.RightDescribeConfigs):
		u.warn(what, "this client may not see its settings, so that they are not checked", Grant(u.config.Kafka, "--topic", name, admin.RightDescribeConfigs))
		return
	}
	says := fmt.Sprintf("%d partition(s), cleanup.policy %s", t.Partitions, t.Policy)
	switch {
	case s.Kind() == daemon.KindEvents && t.Compacted():
		u.warn(what, says+": compaction removes events that have not been read", "set cleanup.policy=delete with a retention longer than your longest outage")
	case s.IsAudience() && !t.Compacted() && t.Retention >= 0:
		u.warn(what, says+": members whose last change is older than its retention are missing in a resync and in an upload",
			"set cleanup.policy=compact, keyed by the member, or retention.ms=-1")
	default:
		u.ok(what, says)
	}
}

// Grant is the command that gives this client rights.
func Grant(k kafka.Config, resource, name string, rights ...admin.Right) string {
	principal := "User:<this client's principal>"
	if sasl := k.SASL; sasl != nil && sasl.Username != "" {
		principal = "User:" + sasl.Username
	}
	var command strings.Builder
	fmt.Fprintf(&command, "kafka-acls.sh --bootstrap-server %s --add --allow-principal '%s'", k.Brokers[0], principal)
	for _, right := range rights {
		command.WriteString(" --operation " + string(right))
	}
	return command.String() + " " + resource + " " + name
}

func (u *checkup) group(ctx context.Context, s *daemon.Sync) {
	name := u.config.GroupOf(s)
	if u.mayUse(ctx, name, name) {
		u.ok("group "+name, "may be used")
		u.renamedTopics(ctx, s, name)
	}
	u.mayUse(ctx, name+".replay", name)
	if s.Kind() == daemon.KindSegment {
		owners := u.config.Kafka.GroupOf("audience")
		u.mayUse(ctx, owners+".check", owners)
	}
}

// mayUse looks whether this client may be a member of a group; grant is what the names begin with for which the right is to be given.
func (u *checkup) mayUse(ctx context.Context, group, grant string) bool {
	rights, err := u.groupRights(ctx, group)
	switch {
	case admin.Passing(err), errors.Is(err, context.DeadlineExceeded):
		u.warn("group "+group, "could not be asked about: "+err.Error(),
			"a new cluster makes the place for groups with its first one: check again in a minute, and see that the brokers are healthy if it stays")
	case err != nil:
		u.failed("group "+group, err)
	case !rights.Has(admin.RightRead):
		u.fail("group "+group, "this client may not use it", Grant(u.config.Kafka, "--resource-pattern-type prefixed --group", grant, admin.RightRead))
	default:
		return true
	}
	return false
}

// renamedTopics looks for topics that the sync has read and reads no more: their members stay in a streamed audience that remembers them.
func (u *checkup) renamedTopics(ctx context.Context, s *daemon.Sync, group string) {
	if s.Kind() != daemon.KindSegment {
		return
	}
	topics, err := s.SourceTopics(ctx, u.admin)
	read, other := u.admin.Committed(ctx, group)
	if err != nil || other != nil {
		return // reported with the topics, or nothing was read yet
	}
	for _, topic := range slices.Sorted(maps.Keys(read)) {
		if !slices.Contains(topics, topic) {
			u.warn("topic "+topic, "sync "+s.Name+" has read it and reads it no more: unless tokrelay resync has taken its members over since, they stay in the audience, and the sync does not start",
				"if it has another name now, stop all instances and run tokrelay resync --sync "+s.Name+", which takes its members over; else read it again")
		}
	}
}

// firstGroup is how long a new cluster is given to make the place for its first group.
const firstGroup = 5 * time.Second

// groupRights asks for as long as that, all groups together: the client goes on asking by itself.
func (u *checkup) groupRights(ctx context.Context, group string) (admin.Rights, error) {
	quick, cancel := context.WithTimeout(ctx, max(firstGroup-u.waited, time.Second))
	defer cancel()
	began := time.Now()
	rights, err := u.admin.GroupRights(quick, group)
	if err != nil {
		u.waited += time.Since(began)
	}
	return rights, err
}

// registryAnswers reports whether schemas can be asked for.
func (u *checkup) registryAnswers(ctx context.Context) bool {
	if len(u.config.SchemaRegistry.URL) == 0 {
		return false
	}
	quick, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if err := u.registry.Ping(quick); err != nil {
		u.fail("schema registry", err.Error(), "start it, or correct schema_registry.url and its credentials")
		return false
	}
	u.ok("schema registry", strings.Join(u.config.SchemaRegistry.URL, ", ")+" answers")
	return true
}

// checkFlow is a sync's way with a decoder, for trying rows.
func (u *checkup) checkFlow(s *daemon.Sync) (*daemon.Flow, error) {
	f, err := daemon.NewFlow(s, time.Now, nil)
	if err != nil {
		return nil, err
	}
	return f, f.DecodeWith(u.registry, nil, slog.New(slog.DiscardHandler))
}
