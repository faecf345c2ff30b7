package check

import (
	"encoding/binary"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/linkedin/goavro/v2"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const checkedSchema = `{"type":"record","name":"orders","fields":[{"name":"id","type":"long"},{"name":"paid_at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"email","type":["null","string"]},{"name":"amount","type":"double"},{"name":"paid","type":"boolean"}]}`

const checkedConfig = `kafka: {brokers: ["%s"]}
schema_registry: {url: "%s"}
connections: {main: {advertiser_id: "7000000000000000001", access_token: "${TOKEN}", base_url: "%s"}}
syncs:
  - name: good
    topic: orders
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: paid_at, user.email: email, page.url: {value: "https://x.example/"}, properties.value: amount}}
  - name: bad
    topic: orders
    web_events: {pixel_code: CTESTPIXELCODE000000, event: Purchase, fields: {event_time: paid, user.email: mail, page.url: {value: "https://x.example/"}}}
`

// TestCheckOnlineComparesSyncsWithARealRegistryAndTopic asks a broker, a registry and the rows in a topic.
func TestCheckOnlineComparesSyncsWithARealRegistryAndTopic(t *testing.T) {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(broker.Close)
	registry := srfake.New()
	t.Cleanup(registry.Close)
	tiktok := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(tiktok.Close)
	produceOrders(t, broker, register(t, registry))

	c, report := daemon.Parse(fmt.Appendf(nil, checkedConfig, broker.ListenAddrs()[0], registry.URL(), tiktok.URL), settings.Vars(map[string]string{"TOKEN": "t"}))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	var got []string
	err = Run(t.Context(), c, nil, func(f Finding) {
		if strings.HasPrefix(f.What, "sync ") || strings.HasPrefix(f.What, "schema orders") {
			got = append(got, f.State+" "+f.What+": "+f.Says)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"ok schema orders-value: version with id 1 has 3 of the 3 mapped column(s): paid_at instant, email string or NULL, amount float",
		"warn sync good: of the newest 2 row(s) 1 would be sent, 1 rejected, 0 skipped: 1 no_identifier user",
		"warn sync good: of the newest 2 row(s) 1: properties.value: it has no currency",
		"fail schema orders-value: has no column mail: the sync stops at the first row (missing_column: stop)",
		"fail sync bad: web_events.fields.event_time: the column's type is bool, which is not a time",
	} {
		if !slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("nothing says %q in\n%s", want, strings.Join(got, "\n"))
		}
	}
}

func register(t *testing.T, registry *srfake.Registry) int {
	client, err := sr.NewClient(sr.URLs(registry.URL()))
	if err != nil {
		t.Fatal(err)
	}
	registered, err := client.CreateSchema(t.Context(), "orders-value", sr.Schema{Schema: checkedSchema})
	if err != nil {
		t.Fatal(err)
	}
	return registered.ID
}

// produceOrders writes two orders, which goavro encodes.
func produceOrders(t *testing.T, broker *kfake.Cluster, id int) {
	codec, err := goavro.NewCodec(checkedSchema)
	if err != nil {
		t.Fatal(err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, email := range []any{goavro.Union("string", "ada@example.com"), nil} {
		row, err := codec.BinaryFromNative(binary.BigEndian.AppendUint32([]byte{0}, uint32(id)),
			map[string]any{"id": 1, "paid_at": time.Now(), "email": email, "amount": 19.99, "paid": true})
		if err != nil {
			t.Fatal(err)
		}
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "orders", Value: row}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
}
