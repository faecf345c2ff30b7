package check

import (
	"fmt"
	"testing"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

const trialConfig = `
kafka: {brokers: ["${BROKER}"]}
connections: {main: {access_token: "${TOKEN}", base_url: "${TIKTOK}", advertiser_id: "` + sandbox.DefaultAdvertiser + `"}}
dead_letter: {replication: 1}
syncs:
  - name: members
    topic: members
    framing: json
`

// tried are the findings of a sync whose topic holds these values, each of its own key.
func triedOut(t *testing.T, sync string, values []string) []Finding {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "members"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for i, value := range values {
		r := &kgo.Record{Topic: "members", Key: fmt.Append(nil, i), Value: []byte(value)}
		if err := client.ProduceSync(t.Context(), r).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	return checked(t, cluster, trialConfig+sync, sandbox.New(sandbox.Config{}))
}

func TestRowsOfNonMembersAreNotCountedAsSent(t *testing.T) {
	var rows []string
	for i := range 100 {
		switch {
		case i < 45:
			rows = append(rows, `{"email": "ann@x.org", "member": false}`)
		case i < 55:
			rows = append(rows, `{"email": null, "member": true}`)
		default:
			rows = append(rows, `{"email": "ann@x.org", "member": true}`)
		}
	}
	for name, sink := range map[string]string{
		"streamed": `audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}, member_when: member}`,
		"by file":  `audience_file: {audience: {name: A}, identifier: {EMAIL_SHA256: email}, member_when: member}`,
	} {
		t.Run(name, func(t *testing.T) {
			list := triedOut(t, "    "+sink, rows)
			wantFinding(t, list, OK, "sync members", "of the newest 100 row(s) 45 would be sent, 0 rejected, 55 skipped (45 not_member, 10 no_identifier)", "")
		})
	}
}

func TestAColumnWithoutIdentifiersIsWarnedOf(t *testing.T) {
	list := triedOut(t, `    audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}}`, []string{`{"email": null}`, `{"email": "n/a"}`})
	wantFinding(t, list, Fail, "sync members", "2 no_identifier", "the mapped columns")
	list = triedOut(t, `    audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}}`, []string{`{"email": null}`, `{"email": "n/a"}`, `{"email": "ann@x.org"}`})
	wantFinding(t, list, Warn, "sync members", "2 no_identifier", "the mapped columns")
}

func TestTheNewestRowsShowWhatTheSyncMustBeTold(t *testing.T) {
	for _, c := range []struct{ name, sync, value, says string }{
		{"an operation column", `operation: {column: action}`, `{"before": null, "after": {"email": "ann@x.org"}, "source": {"connector": "mysql"}, "op": "c"}`, "`operation` is for plain rows"},
		{"changed columns", `format: auto`, `{"before": null, "after": {"email": null}, "source": {"connector": "spanner"}, "op": "u"}`, "set `after_image: changed` if it does"},
	} {
		t.Run(c.name, func(t *testing.T) {
			list := triedOut(t, "    "+c.sync+"\n    audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email}}", []string{c.value})
			wantFinding(t, list, Fail, "sync members", c.says, "tokrelay preview")
		})
	}
}
