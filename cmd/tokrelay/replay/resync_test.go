package replay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const patternConfig = `
kafka: {brokers: ["%s"]}
connections: {main: {access_token: t}}
syncs: [{name: leads, topic_pattern: '%s', framing: json, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
  fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}]
`

func TestAPatternThatMatchesNothingSaysSo(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "other.customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	parse := func(pattern string) (*admin.Client, *daemon.Config) {
		c, report := daemon.Parse(fmt.Appendf(nil, patternConfig, cluster.ListenAddrs()[0], pattern), settings.Vars(nil))
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		client, err := admin.New(c.Kafka, "test", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		return client, c
	}
	for what, test := range map[string]struct {
		find func(*admin.Client, *daemon.Config) (int, error)
		want int
	}{
		"partitions to resync": {func(client *admin.Client, c *daemon.Config) (int, error) {
			p, err := PlanResync(t.Context(), client, c, &c.Syncs[0], ResyncOptions{Partition: -1}, time.Now())
			if err != nil {
				return 0, err
			}
			return len(p.Parts), nil
		}, 2},
		"topic to skip in": {func(client *admin.Client, c *daemon.Config) (int, error) {
			topic, err := skipTopic(t.Context(), client, &c.Syncs[0], "")
			return len(topic), err
		}, len("other.customers")},
	} {
		t.Run(what, func(t *testing.T) {
			n, err := test.find(parse(`shop\..*`))
			if none, ok := errors.AsType[*daemon.NoTopic](err); n != 0 || !ok || !strings.Contains(none.Error(), `no topic matches topic_pattern shop\..*`) {
				t.Errorf("got %d and error %v, want none and an error with the pattern", n, err)
			}
			if n, err := test.find(parse(`other\..*`)); err != nil || n != test.want {
				t.Errorf("a pattern that matches: got %d and %v, want %d", n, err, test.want)
			}
		})
	}
}
