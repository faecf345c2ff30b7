package check

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// ownTopicsSet looks at the topics tokrelay writes: that they are there or may be made, that they keep what they have to
// keep, and that this client may write them.
func (u *checkup) ownTopicsSet(ctx context.Context, largest int) {
	wanted := u.wantedTopics(largest)
	names := make([]string, len(wanted))
	for i, w := range wanted {
		names[i] = w.Name
	}
	there, err := u.admin.Topics(ctx, names...)
	rights, other := u.admin.TopicRights(ctx, names...)
	if kafka.Denied(err) {
		err = nil
	}
	mayCreate, third := u.admin.MayCreate(ctx)
	brokers, fourth := u.admin.Brokers(ctx)
	if err := errors.Join(err, other, third, fourth); err != nil {
		u.failed("topics of tokrelay", err)
		return
	}
	u.transactions(ctx)
	for _, w := range wanted {
		t, exists := there[w.Name]
		if r, known := rights[w.Name]; known || exists {
			u.ownTopic(w, t, r)
		} else {
			u.absent(w, mayCreate, brokers)
		}
	}
}

// wantedTopics are the topics of our own as they should be; a record of the rejected topic may be as large as the largest
// of a source.
func (u *checkup) wantedTopics(largest int) []admin.Wanted {
	c := u.config.DeadLetter
	wanted := []admin.Wanted{
		{Name: c.RejectedTopic, Retention: c.Retention.Std(), MaxMessageBytes: largest + daemon.LettersExtra},
		{Name: c.FailedTopic, Retention: c.Retention.Std()},
	}
	audiences := false
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		audiences = audiences || s.IsAudience()
		wanted = append(wanted, u.config.OwnersWanted(u.state, s)...)
	}
	if audiences {
		wanted = append(wanted, admin.Wanted{Name: u.config.StateTopic, Compact: true})
	}
	if o := u.config.Outcomes; o.Enabled {
		wanted = append(wanted, admin.Wanted{Name: o.Topic, Partitions: o.Partitions, Retention: o.Retention.Std()})
	}
	if calls := u.config.Calls.Topic; calls != "" {
		wanted = append(wanted, admin.Wanted{Name: calls})
	}
	for i := range wanted {
		wanted[i].Replication = c.Replication
	}
	return wanted
}

// absent reports a topic of our own that is not there.
func (u *checkup) absent(w admin.Wanted, mayCreate bool, brokers int) {
	what := "topic " + w.Name
	switch {
	case w.Name == u.config.Calls.Topic && !u.config.Calls.Create:
		u.warn(what, "does not exist, and calls.create is false: calls are remembered in memory alone", createCommand(u.config.Kafka.Brokers[0], w))
	case w.Name == u.config.Outcomes.Topic && !u.config.Outcomes.Create:
		u.fail(what, "does not exist, and outcomes.create is false", createCommand(u.config.Kafka.Brokers[0], w))
	case !u.config.DeadLetter.Create && w.Name != u.config.Calls.Topic && w.Name != u.config.Outcomes.Topic:
		u.fail(what, "does not exist, and dead_letter.create is false", createCommand(u.config.Kafka.Brokers[0], w))
	case w.Replication > brokers:
		u.fail(what, fmt.Sprintf("does not exist, and cannot be made with %d replicas: the cluster has %d broker(s)", w.Replication, brokers),
			"correct dead_letter.replication, or add brokers")
	case !mayCreate:
		u.warn(what, "does not exist yet; run makes it, if this client may create topics of this name: Kafka does not say", Grant(u.config.Kafka, "--topic", w.Name, admin.RightCreate))
	default:
		u.ok(what, "does not exist yet; run makes it")
	}
}

func (u *checkup) ownTopic(w admin.Wanted, t admin.Topic, r admin.Rights) {
	what := "topic " + w.Name
	var missing []admin.Right
	for _, right := range []admin.Right{admin.RightRead, admin.RightWrite} {
		if !r.Has(right) {
			missing = append(missing, right)
		}
	}
	if len(missing) > 0 {
		says := "this client may not read and write it"
		if !r.Has(admin.RightDescribe) {
			says += ", nor see whether it is there"
			missing = append(missing, admin.RightCreate, admin.RightDescribeConfigs)
		}
		u.fail(what, says, Grant(u.config.Kafka, "--topic", w.Name, missing...))
		return
	}
	if w.Retention == admin.Forever && !r.Has(admin.RightDelete) {
		u.warn(what, "this client may not purge it, so that it grows without bound", Grant(u.config.Kafka, "--topic", w.Name, admin.RightDelete))
		return
	}
	u.ownSettings(what, w, t)
}

func (u *checkup) ownSettings(what string, w admin.Wanted, t admin.Topic) {
	says := fmt.Sprintf("%d partition(s), cleanup.policy %s", t.Partitions, t.Policy)
	if !w.Compact && t.Retention > 0 {
		says += fmt.Sprintf(", retention %s", settings.Duration(t.Retention))
	}
	alter := fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config ", u.config.Kafka.Brokers[0], w.Name)
	switch {
	case t.Policy == "":
		u.warn(what, "this client may not see its settings, so that they are not checked", Grant(u.config.Kafka, "--topic", w.Name, admin.RightDescribeConfigs))
	case w.Compact && !t.Compacted():
		u.fail(what, says+": it would forget what it has to remember", alter+"cleanup.policy=compact")
	case w.Name == u.config.Outcomes.Topic && t.Compacted():
		u.fail(what, says+": compaction drops earlier outcomes of a key", alter+"cleanup.policy=delete")
	case w.Name == u.config.Outcomes.Topic:
		u.outcomesSettings(what, says, alter, w, t)
	case !w.Compact && t.Compacted():
		u.fail(what, says+": compaction drops earlier dead letters of a key, and refuses rows without one", alter+"cleanup.policy=delete")
	case !w.Compact && t.Retention > 0 && t.Retention < w.Retention:
		u.warn(what, fmt.Sprintf("%s, keeps letters for %s, which is less than dead_letter.retention", says, settings.Duration(t.Retention)),
			alter+fmt.Sprintf("retention.ms=%d", w.Retention.Milliseconds()))
	case w.Retention == admin.Forever && t.Retention > 0:
		u.fail(what, fmt.Sprintf("%s: what waits in it for longer would be lost", says), alter+"retention.ms=-1")
	case !w.Compact && t.Retention < 0 && w.Retention != admin.Forever:
		u.warn(what, says+", keeps letters for ever: rows with personal data among them",
			alter+fmt.Sprintf("retention.ms=%d", w.Retention.Milliseconds()))
	case t.Replication < w.Replication:
		u.warn(what, fmt.Sprintf("%s, has %d replica(s), which is less than dead_letter.replication", says, t.Replication),
			"add replicas with kafka-reassign-partitions.sh")
	case w.MaxMessageBytes == kafka.BatchBytes && (w.Compact || w.Retention == admin.Forever) && t.MaxMessageBytes > 0 && t.MaxMessageBytes < w.MaxMessageBytes:
		u.fail(what, fmt.Sprintf("%s, takes %d bytes at once: too little for what an audience writes", says, t.MaxMessageBytes), alter+fmt.Sprintf("max.message.bytes=%d", w.MaxMessageBytes))
	case w.MaxMessageBytes > daemon.LettersExtra && t.MaxMessageBytes > 0 && t.MaxMessageBytes < w.MaxMessageBytes:
		u.warn(what, fmt.Sprintf("%s, takes %d bytes: the largest rows would lose their value", says, t.MaxMessageBytes),
			alter+fmt.Sprintf("max.message.bytes=%d", w.MaxMessageBytes))
	default:
		u.ok(what, says)
	}
}

// outcomesSettings compares how long outcomes are kept with how long dead letters are.
func (u *checkup) outcomesSettings(what, says, alter string, w admin.Wanted, t admin.Topic) {
	letters := u.config.DeadLetter.Retention.Std()
	switch {
	case t.Partitions < 2:
		u.fail(what, says+": rejected rows and replays need a partition of their own", "make it again with "+strconv.Itoa(u.config.Outcomes.Partitions)+" partitions")
	case t.Retention > 0 && t.Retention < w.Retention:
		u.warn(what, says+", which is less than outcomes.retention", alter+fmt.Sprintf("retention.ms=%d", w.Retention.Milliseconds()))
	case t.Retention > 0 && t.Retention < letters:
		u.ok(what, fmt.Sprintf("%s; dead letters are kept for %s: of those that are older than their outcomes it is not known whether they are repaired", says, settings.Duration(letters)))
	default:
		u.ok(what, says)
	}
}

func createCommand(broker string, w admin.Wanted) string {
	policy := "cleanup.policy=delete"
	if w.Compact {
		policy = "cleanup.policy=compact"
	} else if w.Retention == admin.Forever {
		policy += " --config retention.ms=-1"
	} else if w.Retention > 0 {
		policy += fmt.Sprintf(" --config retention.ms=%d", w.Retention.Milliseconds())
	}
	if w.MaxMessageBytes == kafka.BatchBytes {
		policy += fmt.Sprintf(" --config max.message.bytes=%d", w.MaxMessageBytes)
	}
	if w.Replication > 0 {
		policy += fmt.Sprintf(" --replication-factor %d", w.Replication)
	}
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions %d --config %s", broker, w.Name, cmp.Or(w.Partitions, 3), policy)
}

// transactions looks whether syncs may write in transactions, without which no audience is streamed to.
func (u *checkup) transactions(ctx context.Context) {
	asked := map[string]bool{}
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		if s.Kind() != daemon.KindSegment {
			continue
		}
		for _, group := range []string{u.config.GroupOf(s), u.config.Kafka.GroupOf("audience")} {
			if !asked[group] {
				asked[group] = true
				u.mayTransact(ctx, group)
			}
		}
	}
}

func (u *checkup) mayTransact(ctx context.Context, group string) {
	what := "transactions of " + group
	why, err := u.admin.MayTransact(ctx, group+".check")
	switch {
	case err != nil && admin.Passing(err), errors.Is(err, context.DeadlineExceeded):
		u.warn(what, "could not be asked about: "+err.Error(), "a new cluster makes the place for transactions with its first one: check again in a minute, and see that the brokers are healthy if it stays")
	case err != nil:
		u.failed(what, err)
	case why != "":
		u.fail(what, "streamed audiences need them, and "+why, Grant(u.config.Kafka, "--resource-pattern-type prefixed --transactional-id", group, admin.RightWrite, admin.RightDescribe)+
			"; brokers before 2.8 also want IdempotentWrite on the cluster")
	default:
		u.ok(what, "may be used")
	}
}
