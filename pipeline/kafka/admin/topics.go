package admin

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
)

// Wanted is a topic of ours as it should be. Zero values mean Kafka's defaults.
type Wanted struct {
	Name            string
	Partitions      int // 3 when zero
	Replication     int // zero: 3, or as many as there are brokers
	Compact         bool
	Retention       time.Duration // Forever: no record is deleted by time
	Bytes           int64         // most of a partition, about
	MaxMessageBytes int
}

// Forever is the Retention of a topic that is emptied otherwise.
const Forever = time.Duration(-1)

// MissingTopic says that a topic of ours is not there and may not be created.
type MissingTopic struct{ Topic string }

func (e *MissingTopic) Error() string {
	return fmt.Sprintf("topic %s does not exist, and may not be created: create it, or allow it with create: true", e.Topic)
}

// EnsureTopics looks for the wanted topics, creates the missing ones if it may (create), and returns what is wrong with
// those that are there, in words. A missing topic that may not be created is a *MissingTopic; other
// errors may pass: a broker that is away, rights that are yet to be granted.
func (a *Client) EnsureTopics(ctx context.Context, create bool, wanted ...Wanted) (warnings []string, err error) {
	names := make([]string, len(wanted))
	for i, w := range wanted {
		names[i] = w.Name
	}
	there, err := a.Topics(ctx, names...)
	if err != nil {
		return nil, err
	}
	var made []string
	for _, w := range wanted {
		topic, ok := there[w.Name]
		switch {
		case ok:
			warnings = append(warnings, w.compare(topic)...)
		case !create:
			return warnings, &MissingTopic{Topic: w.Name}
		default:
			if err := a.create(ctx, w); err != nil {
				return warnings, err
			}
			made = append(made, w.Name)
		}
	}
	_, err = a.Await(ctx, made...)
	return warnings, err
}

// knownWithin is for how long topics that were made are waited for.
const knownWithin = 5 * time.Second

// Await returns topics that were just made once brokers know all of them: the controller does before. That they do not after a while is
// not an error.
func (a *Client) Await(ctx context.Context, names ...string) (there map[string]Topic, err error) {
	for began := time.Now(); len(names) > 0; {
		there, err = a.Topics(ctx, names...)
		if err != nil || len(there) == len(names) || time.Since(began) >= knownWithin {
			return there, err
		}
		if err := pipeline.Wait(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
	return there, nil
}

// compare says what is wrong with a topic that it did not make.
func (w Wanted) compare(t Topic) []string {
	var says []string
	switch {
	case t.Policy == "":
	case w.Compact && !t.Compacted():
		says = append(says, fmt.Sprintf("topic %s: cleanup.policy should be compact: it grows without bound, or forgets what it should remember", w.Name))
	case !w.Compact && t.Compacted():
		says = append(says, fmt.Sprintf("topic %s: cleanup.policy should be delete: compaction drops earlier records of the same key and refuses those without one", w.Name))
	}
	if w.Retention == Forever && t.Retention > 0 {
		says = append(says, fmt.Sprintf("topic %s: retention.ms should be -1: what waits in it for longer would be lost", w.Name))
	}
	if t.Replication < w.Replication {
		says = append(says, fmt.Sprintf("topic %s: has %d replica(s) and should have %d (dead_letter.replication): add some with kafka-reassign-partitions.sh", w.Name, t.Replication, w.Replication))
	}
	if w.MaxMessageBytes > 0 && t.MaxMessageBytes > 0 && t.MaxMessageBytes < w.MaxMessageBytes {
		says = append(says, fmt.Sprintf("topic %s: max.message.bytes is %d and should be at least %d: larger records are not taken, or lose their value", w.Name, t.MaxMessageBytes, w.MaxMessageBytes))
	}
	return says
}

func (a *Client) create(ctx context.Context, w Wanted) error {
	brokers, err := a.Brokers(ctx)
	if err != nil {
		return err
	}
	replication := w.replication(brokers)
	_, err = a.adm.CreateTopic(ctx, int32(cmp.Or(w.Partitions, fewestPartitions)), int16(replication), w.configs(replication), w.Name)
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil // another instance was quicker
	}
	if errors.Is(err, kerr.InvalidReplicationFactor) {
		err = fmt.Errorf("%w: there are %d brokers for %d replicas (dead_letter.replication)", err, brokers, replication)
	}
	if err != nil {
		return fmt.Errorf("create topic %s: %w", w.Name, kafka.Lacking(err, "Create", "topic "+w.Name+", or on the cluster"))
	}
	return nil
}

func (w Wanted) replication(brokers int) int { return cmp.Or(w.Replication, min(3, max(brokers, 1))) }

// fewestPartitions keep one partition from becoming the bottleneck when everything fails.
const fewestPartitions = 3

func (w Wanted) configs(replication int) map[string]*string {
	c := map[string]*string{}
	set := func(key, value string) { c[key] = &value }
	set("cleanup.policy", "delete")
	if w.Compact {
		set("cleanup.policy", "compact")
	}
	switch {
	case w.Retention == Forever:
		set("retention.ms", "-1")
	case w.Retention > 0:
		set("retention.ms", strconv.FormatInt(w.Retention.Milliseconds(), 10))
	}
	if w.Bytes > 0 { // whole segments are dropped, so they are small
		set("retention.bytes", strconv.FormatInt(w.Bytes, 10))
		set("segment.bytes", strconv.FormatInt(max(w.Bytes/8, 16<<20), 10))
	}
	if w.MaxMessageBytes > 0 {
		set("max.message.bytes", strconv.Itoa(w.MaxMessageBytes))
	}
	if replication >= 3 {
		set("min.insync.replicas", "2") // it is the last copy of a row
	}
	set("message.timestamp.type", "CreateTime")
	return c
}
