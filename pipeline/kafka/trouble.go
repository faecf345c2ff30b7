package kafka

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Where trouble with Kafka comes from, as the status tells it apart.
const (
	sourceBroker = "kafka broker"
	sourceGroup  = "kafka group"
	sourceTopic  = "kafka topic"
	sourceStart  = "kafka start"
	sourceGone   = "kafka topic missing"

	sourceTransaction = "kafka transaction"
)

// A broker is away once nothing has been heard of any of them for this long; a topic's trouble has passed once it has
// not come up for so long.
const (
	awayAfter  = 5 * time.Second
	calmsAfter = 30 * time.Second
)

func (c *Consumer) troubled(source string, t *pipeline.Trouble) {
	c.opts.Status.Set(c.opts.Sync, source, t)
}

func (c *Consumer) calm(source string) {
	c.opts.Status.Clear(c.opts.Sync, source)
}

// fetchFailed sorts what polling reports beside records. franz-go retries by itself what can be retried.
func (c *Consumer) fetchFailed(topic string, id int32, err error) {
	session, loss := (*kgo.ErrGroupSession)(nil), (*kgo.ErrDataLoss)(nil)
	trouble := &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: fmt.Sprintf("read %s/%d: %v", topic, id, Lacking(err, "Read", "topic "+topic))}
	switch {
	case errors.Is(err, context.Canceled), errors.Is(err, kgo.ErrClientClosed):
	case errors.As(err, &session):
		trouble.What = fmt.Sprintf("join group %s: %v", c.opts.Group, Lacking(session.Err, "Read", "group "+c.opts.Group))
		c.troubled(sourceGroup, trouble)
	case errors.As(err, &loss):
		c.opts.Log.Error("Kafka lost records that were not read yet, or moved back", "topic", topic, "partition", id, "error", err)
		c.opts.Metrics.moved.WithLabelValues(topic, movedBeyondEnd).Inc()
	case errors.Is(err, kerr.UnknownTopicID):
		c.recreated.add(topic)
	case errors.Is(err, kerr.OffsetOutOfRange):
		c.gone(topicPartition{topic, id})
	case c.unreadable(topic, id, err):
	default:
		c.topicFailedAt.Store(time.Now().UnixNano())
		c.troubled(sourceTopic, trouble)
	}
}

// lookAtTopics finds topics that were created again, of those that are read here, and those that do not exist.
func (c *Consumer) lookAtTopics(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	topics := map[string]bool{}
	for _, topic := range c.opts.Topics {
		topics[topic] = true
	}
	for _, p := range c.all() {
		topics[p.topic] = true
	}
	if len(topics) == 0 { // a pattern's, none of which is read here: asked for none, Kafka tells of all
		return
	}
	if details, err := Describe(ctx, c.client, sortedKeys(topics)...); err == nil {
		c.noteRecreated(details)
		c.reportMissing(details)
	}
}

// reportMissing tells the operator of topics that do not exist: the client waits for them without a word. Those of a
// pattern may go.
func (c *Consumer) reportMissing(details kadm.TopicDetails) {
	var missing []string
	for _, topic := range c.opts.Topics {
		if d, asked := details[topic]; asked && errors.Is(d.Err, kerr.UnknownTopicOrPartition) {
			missing = append(missing, topic)
		}
	}
	if len(missing) == 0 {
		c.calm(sourceGone)
		return
	}
	c.troubled(sourceGone, &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: fmt.Sprintf("topic %s does not exist, or not any more: "+
		"create it, and it is read from its beginning, or take it out of the sync's topics", strings.Join(missing, ", "))})
}

// gone stops a partition that must not go on by itself.
func (c *Consumer) gone(p topicPartition) {
	c.troubled(sourceStart, &pipeline.Trouble{Kind: pipeline.TroubleKafka, Stop: true,
		What: fmt.Sprintf("read %s/%d: Kafka no longer has the offset of group %s, and out_of_range is fail: set out_of_range, or the group's offset", p.topic, p.id, c.opts.Group)})
}

// Why a partition's position was moved, in metrics.
const (
	movedBelowStart = "below_start" // retention removed what was not read
	movedBeyondEnd  = "beyond_end"  // the log is shorter than what was read
	movedTopicAgain = "topic_again" // the topic was deleted and created again
)

// health hears from franz-go's connections whether a broker answers.
type health struct {
	answered atomic.Int64 // unix nanoseconds
	failed   atomic.Int64
	failure  atomic.Pointer[error]
}

// OnBrokerConnect is called by franz-go.
func (h *health) OnBrokerConnect(_ kgo.BrokerMetadata, _ time.Duration, _ net.Conn, err error) {
	h.note(err)
}

// OnBrokerE2E is called by franz-go.
func (h *health) OnBrokerE2E(_ kgo.BrokerMetadata, _ int16, e kgo.BrokerE2E) { h.note(e.Err()) }

func (h *health) note(err error) {
	if err == nil {
		h.answered.Store(time.Now().UnixNano())
		return
	}
	h.failure.Store(&err)
	h.failed.Store(time.Now().UnixNano())
}

// away is the last failure when no broker has answered since, and not for a while.
func (h *health) away(now time.Time) error {
	answered, failed := h.answered.Load(), h.failed.Load()
	if failed <= answered || now.Sub(time.Unix(0, answered)) < awayAfter {
		return nil
	}
	return *h.failure.Load()
}

// unreached says why no broker answers, and the cure.
func (c *Consumer) unreached(err error) string {
	what := fmt.Sprintf("reach Kafka: %v", err)
	if why, cure := c.cfg.Explain(err); why != "" {
		what += ": " + why + ": " + cure
	}
	return what
}

// checkHealth is called every second.
func (c *Consumer) checkHealth(now time.Time) {
	if err := c.health.away(now); err != nil {
		c.troubled(sourceBroker, &pipeline.Trouble{Kind: pipeline.TroubleKafka, What: c.unreached(err)})
	} else if c.health.answered.Load() > 0 {
		c.calm(sourceBroker)
	}
	if at := c.topicFailedAt.Load(); at > 0 && now.Sub(time.Unix(0, at)) > calmsAfter {
		c.topicFailedAt.Store(0)
		c.calm(sourceTopic)
	}
}
