package check

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sasl/plain"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// What check reports of a client with few rights, and what run does with the same client.

func right(resource kmsg.ACLResourceType, name string, pattern kmsg.ACLResourcePatternType, op kmsg.ACLOperation) kfake.ACL {
	return kfake.ACL{Resource: resource, Name: name, Pattern: pattern, Operation: op, Allow: true}
}

// guarded is a cluster where this client may read one of three topics, write dead letters, and not remember anything.
func guarded(t *testing.T) (*kfake.Cluster, *kadm.Client) {
	t.Helper()
	topic, literal, prefixed := kmsg.ACLResourceTypeTopic, kmsg.ACLResourcePatternTypeLiteral, kmsg.ACLResourcePatternTypePrefixed
	acls := []kfake.ACL{
		right(topic, "open", literal, kmsg.ACLOperationRead), right(topic, "customers", literal, kmsg.ACLOperationRead),
		right(kmsg.ACLResourceTypeGroup, "tokrelay", prefixed, kmsg.ACLOperationRead),
		right(kmsg.ACLResourceTypeCluster, "kafka-cluster", literal, kmsg.ACLOperationIdempotentWrite),
	}
	for _, op := range []kmsg.ACLOperation{kmsg.ACLOperationRead, kmsg.ACLOperationWrite, kmsg.ACLOperationCreate} {
		acls = append(acls, right(topic, "tokrelay.rejected", literal, op), right(topic, "tokrelay.failed", literal, op), right(topic, "tokrelay.outcomes", literal, op))
	}
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "open", "closed", "customers"), kfake.EnableSASL(), kfake.EnableACLs(),
		kfake.Superuser("PLAIN", "root", "root"), kfake.User("PLAIN", "relay", "relay", acls...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	root, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.SASL(plain.Auth{User: "root", Pass: "root"}.AsMechanism()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(root.Close)
	now := time.Now().UTC().Format(time.RFC3339)
	for _, r := range []*kgo.Record{
		{Topic: "open", Key: []byte("1"), Value: fmt.Appendf(nil, `{"id":"open","at":%q,"email":"ada@example.com"}`, now)},
		{Topic: "closed", Key: []byte("1"), Value: fmt.Appendf(nil, `{"id":"closed","at":%q,"email":"ada@example.com"}`, now)},
		{Topic: "customers", Key: []byte("1"), Value: []byte(`{"email":"ada@example.com"}`)},
	} {
		if err := root.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return cluster, kadm.NewClient(root)
}

const guardedConfig = `
kafka: {brokers: ["${BROKER}"], sasl: {mechanism: PLAIN, username: relay, password: "${PASSWORD}"}}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - {name: open, topic: open, framing: json, web_events: &events {pixel_code: CTESTPIXELCODE000000, event: Lead, event_id: {column: id},
     fields: {event_time: at, user.email: email, page.url: {value: "https://shop.example/"}}}}
  - {name: closed, topic: closed, framing: json, web_events: *events}
  - {name: newsletter, topic: customers, framing: json, audience_segment: {audience: {name: Newsletter}, identifiers: {EMAIL_SHA256: email}}}
`

func TestMissingRightsAreNamedAsCommands(t *testing.T) {
	cluster, _ := guarded(t)
	list := checked(t, cluster, guardedConfig, sandbox.New(sandbox.Config{}))
	wantFinding(t, list, Warn, "topic open", "may not see its settings", "--operation DescribeConfigs --topic open")
	wantFinding(t, list, Fail, "topic closed", "may not read it", "--add --allow-principal 'User:relay' --operation Read --topic closed")
	wantFinding(t, list, Warn, "topic tokrelay.rejected", "if this client may create", "--operation Create --topic tokrelay.rejected")
	wantFinding(t, list, Fail, "topic tokrelay.state", "nor see whether it is there", "--operation Read --operation Write --operation Create --operation DescribeConfigs --topic tokrelay.state")
	wantFinding(t, list, Fail, "transactions of tokrelay.newsletter", "may not use transactional ids", "--operation Write --operation Describe --resource-pattern-type prefixed --transactional-id tokrelay.newsletter")
	wantFinding(t, list, Fail, "transactions of tokrelay.audience", "may not use transactional ids", "--transactional-id tokrelay.audience")
	wantFinding(t, list, OK, "group tokrelay.open", "may be used", "")
	wantFinding(t, list, OK, "audience Newsletter", "sync newsletter makes it", "")
	said := map[Finding]bool{}
	for _, f := range list {
		if said[f] {
			t.Errorf("said twice: %+v", f)
		}
		said[f] = true
	}
}

// Owners of a streamed audience are groups of their own, and delete what they have handled.
func TestMissingRightsOfOwnersAreNamed(t *testing.T) {
	cluster, root := guarded(t)
	const rows = "tokrelay.audience.1.rows"
	if _, err := root.CreateTopic(t.Context(), 1, 1, nil, rows); err != nil {
		t.Fatal(err)
	}
	c, report := daemon.Parse([]byte(guardedConfig), settings.Vars(map[string]string{
		"BROKER": cluster.ListenAddrs()[0], "PASSWORD": "relay", "TOKEN": sandbox.DefaultToken, "TIKTOK": "http://127.0.0.1:1"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	grant := kadm.NewACLs().Allow("User:relay").AllowHosts("*").Topics(rows).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead, kadm.OpWrite, kadm.OpDescribeConfigs)
	if _, err := root.CreateACLs(t.Context(), grant); err != nil {
		t.Fatal(err)
	}
	groups := kadm.NewACLs().Allow("User:relay").AllowHosts("*").Groups("tokrelay").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpRead)
	if _, err := root.DeleteACLs(t.Context(), groups); err != nil {
		t.Fatal(err)
	}
	var list []Finding
	u := &checkup{config: c, emit: func(f Finding) { list = append(list, f) }}
	var err error
	if u.admin, err = admin.New(c.Kafka, "admin", nil); err != nil {
		t.Fatal(err)
	}
	defer u.admin.Close()
	rights, err := u.admin.TopicRights(t.Context(), rows)
	if err != nil {
		t.Fatal(err)
	}
	u.ownTopic(admin.Wanted{Name: rows, Retention: admin.Forever}, admin.Topic{Name: rows, Partitions: 1, Policy: "delete", Retention: -1}, rights[rows])
	wantFinding(t, list, Warn, "topic "+rows, "may not purge it", "--operation Delete --topic "+rows)
	u.group(t.Context(), &c.Syncs[2])
	wantFinding(t, list, Fail, "group tokrelay.audience.check", "may not use it", "--operation Read --resource-pattern-type prefixed --group tokrelay.audience")
}

// until asks until it is so, for half a minute at most.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(30 * time.Second)
	for !so() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s: not within half a minute", what)
		}
	}
}

func TestMissingRightsHoldUpTheirOwnSyncAlone(t *testing.T) {
	cluster, root := guarded(t)
	tiktok := sandbox.New(sandbox.Config{})
	server := httptest.NewServer(http.HandlerFunc(tiktok.ServeHTTP))
	t.Cleanup(server.Close)
	c, report := daemon.Parse([]byte(guardedConfig), settings.Vars(map[string]string{
		"BROKER": cluster.ListenAddrs()[0], "PASSWORD": "relay", "TOKEN": sandbox.DefaultToken, "TIKTOK": server.URL}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	d, err := daemon.New(c, daemon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("run ended with %v", err)
		}
	})
	delivered := func(id string) bool {
		return slices.ContainsFunc(tiktok.Events(), func(e sandbox.Event) bool { return e.ID == id })
	}
	troubled := func(sync string, kind pipeline.TroubleKind) bool {
		return slices.ContainsFunc(d.Wiring.Status.Troubles(sync), func(r pipeline.TroubleSince) bool { return r.Kind == kind })
	}
	until(t, "the row of the open topic", func() bool { return delivered("open") })
	until(t, "trouble of the closed topic's sync", func() bool { return troubled("closed", pipeline.TroubleKafka) })
	until(t, "trouble of the audience that must not be remembered", func() bool { return troubled("newsletter", pipeline.TroubleKafka) })
	if got := d.Wiring.Status.Troubles("open"); len(got) > 0 || delivered("closed") {
		t.Errorf("the sync that may work has trouble: %v", got)
	}

	grant := kadm.NewACLs().Allow("User:relay").Topics("closed").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpRead)
	memory := kadm.NewACLs().Allow("User:relay").Topics("tokrelay.").ResourcePatternType(kadm.ACLPatternPrefixed).
		Operations(kadm.OpRead, kadm.OpWrite, kadm.OpCreate)
	for _, acls := range []*kadm.ACLBuilder{grant, memory} {
		if _, err := root.CreateACLs(t.Context(), acls); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "trouble of the audience that has no transactions", func() bool {
		return slices.ContainsFunc(d.Wiring.Status.Troubles("newsletter"), func(r pipeline.TroubleSince) bool {
			return r.Stop && strings.Contains(r.What, "this client may not use transactional ids")
		})
	})
	transactions := kadm.NewACLs().Allow("User:relay").TransactionalIDs("tokrelay.").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpWrite, kadm.OpDescribe)
	if _, err := root.CreateACLs(t.Context(), transactions); err != nil {
		t.Fatal(err)
	}
	until(t, "the row of the topic that was closed", func() bool { return delivered("closed") })
	until(t, "the member", func() bool { list := tiktok.Audiences(); return len(list) == 1 && list[0].Members == 1 })
	until(t, "the end of trouble", func() bool { return len(d.Wiring.Status.Troubles("newsletter")) == 0 })
}
