package replay

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const patternConfig = `
kafka: {brokers: ["%s"]}
connections: {main: {access_token: t}}
syncs: [{name: leads, topic_pattern: '%s', framing: json, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead,
  fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}]
`

func TestAResyncOfAPatternThatMatchesNothingSaysSo(t *testing.T) {
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "other.customers"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	plan := func(pattern string) (*ResyncPlan, error) {
		c, report := daemon.Parse(fmt.Appendf(nil, patternConfig, cluster.ListenAddrs()[0], pattern), settings.Vars(nil))
		if err := report.Err(); err != nil {
			t.Fatal(err)
		}
		admin, err := kafka.NewAdmin(c.Kafka, "test", nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(admin.Close)
		return PlanResync(t.Context(), admin, c, &c.Syncs[0], ResyncOptions{Partition: -1}, time.Now())
	}
	_, err = plan(`shop\..*`)
	if none, ok := errors.AsType[*daemon.NoTopic](err); !ok || !strings.Contains(none.Error(), `no topic matches topic_pattern shop\..*`) {
		t.Errorf("got error %v, want one with the pattern", err)
	}
	if p, err := plan(`other\..*`); err != nil || len(p.Parts) != 2 {
		t.Errorf("a pattern that matches: got %+v and %v, want two partitions", p, err)
	}
}
