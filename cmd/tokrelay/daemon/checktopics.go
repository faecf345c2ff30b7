package daemon

import (
	"context"
	"fmt"

	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// lettersExtra is what headers may add to a row in the rejected topic.
const lettersExtra = 64 << 10

// ownTopicsSet looks at the topics tokrelay writes: that they are there or may be made, that they keep what they have to
// keep, and that this client may write them.
func (u *checkup) ownTopicsSet(ctx context.Context, largest int) {
	c := u.Config.DeadLetter.WithDefaults()
	wanted := []kafka.Wanted{
		{Name: c.RejectedTopic, Retention: c.Retention.Std(), MaxMessageBytes: largest + lettersExtra},
		{Name: c.FailedTopic, Retention: c.Retention.Std()},
	}
	audiences := false
	for i := range u.Config.Syncs {
		s := &u.Config.Syncs[i]
		audiences = audiences || s.isAudience()
		if s.Kind() == KindSegment && s.AudienceSegment.Remembers(s.BeforeImage == "full") {
			wanted = append(wanted, kafka.Wanted{Name: u.Config.membersTopic(s), Compact: true})
		}
	}
	if audiences {
		wanted = append(wanted, kafka.Wanted{Name: u.Config.stateTopic(), Compact: true})
	}
	names := make([]string, len(wanted))
	for i, w := range wanted {
		names[i] = w.Name
	}
	there, err := u.admin.Topics(ctx, names...)
	rights, other := u.admin.TopicRights(ctx, names...)
	if err = ignoreDenied(err); err != nil || other != nil {
		u.failed("topics of tokrelay", firstOf(err, other))
		return
	}
	for _, w := range wanted {
		t, exists := there[w.Name]
		u.ownTopic(w, t, exists, rights)
	}
}

func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

func (u *checkup) ownTopic(w kafka.Wanted, t kafka.Topic, exists bool, rights map[string]kafka.Rights) {
	what := "topic " + w.Name
	r, known := rights[w.Name]
	if !known && !exists {
		if u.Config.DeadLetter.Creates() {
			u.ok(what, "does not exist yet; run makes it")
		} else {
			u.fail(what, "does not exist, and dead_letter.create is false", createCommand(u.Config.Kafka.Brokers[0], w))
		}
		return
	}
	for _, right := range []kafka.Right{kafka.RightRead, kafka.RightWrite} {
		if !r.Has(right) {
			u.fail(what, fmt.Sprintf("this client lacks the right %s", right), u.acl(right, "--topic", w.Name))
			return
		}
	}
	u.ownSettings(what, w, t)
}

func (u *checkup) ownSettings(what string, w kafka.Wanted, t kafka.Topic) {
	says := fmt.Sprintf("%d partition(s), cleanup.policy %s", t.Partitions, t.Policy)
	alter := fmt.Sprintf("kafka-configs.sh --bootstrap-server %s --alter --entity-type topics --entity-name %s --add-config ", u.Config.Kafka.Brokers[0], w.Name)
	switch {
	case t.Policy == "":
		u.warn(what, "this client may not see its settings, so that they are not checked", u.acl(kafka.RightDescribeConfigs, "--topic", w.Name))
	case w.Compact && !t.Compacted():
		u.fail(what, says+": it would forget what it has to remember", alter+"cleanup.policy=compact")
	case !w.Compact && t.Compacted():
		u.fail(what, says+": compaction drops earlier dead letters of a key, and refuses rows without one", alter+"cleanup.policy=delete")
	case !w.Compact && t.Retention > 0 && t.Retention < w.Retention:
		u.warn(what, fmt.Sprintf("%s, keeps letters for %s, which is less than dead_letter.retention", says, settings.Duration(t.Retention)),
			alter+fmt.Sprintf("retention.ms=%d", w.Retention.Milliseconds()))
	case w.MaxMessageBytes > lettersExtra && t.MaxMessageBytes > 0 && t.MaxMessageBytes < w.MaxMessageBytes:
		u.warn(what, fmt.Sprintf("%s, takes %d bytes: the largest rows would lose their value", says, t.MaxMessageBytes),
			alter+fmt.Sprintf("max.message.bytes=%d", w.MaxMessageBytes))
	default:
		u.ok(what, says)
	}
}

func createCommand(broker string, w kafka.Wanted) string {
	policy := "cleanup.policy=delete"
	if w.Compact {
		policy = "cleanup.policy=compact"
	} else if w.Retention > 0 {
		policy += fmt.Sprintf(" --config retention.ms=%d", w.Retention.Milliseconds())
	}
	return fmt.Sprintf("kafka-topics.sh --bootstrap-server %s --create --topic %s --partitions 3 --config %s", broker, w.Name, policy)
}
