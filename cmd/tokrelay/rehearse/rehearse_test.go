package rehearse

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/kafka/admin"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// stand is a broker with one topic of three partitions.
type stand struct {
	t       *testing.T
	cluster *kfake.Cluster
	client  *kgo.Client
	rows    []*kgo.Record // to be written
	ends    [3]int64
}

func newStand(t *testing.T) *stand {
	t.Helper()
	cluster, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(3, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cluster.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return &stand{t: t, cluster: cluster, client: client}
}

// write notes a row to be produced and returns its position. A nil row is a tombstone.
func (s *stand) write(key string, at time.Time, row map[string]any) string {
	n, _ := strconv.Atoi(key)
	r := &kgo.Record{Topic: "orders", Partition: int32(n % 3), Key: []byte(key), Timestamp: at}
	if row != nil {
		r.Value, _ = json.Marshal(row)
	}
	s.rows = append(s.rows, r)
	s.ends[r.Partition]++
	return fmt.Sprintf("orders/%d/%d", r.Partition, s.ends[r.Partition]-1)
}

func (s *stand) flush() {
	s.t.Helper()
	if err := s.client.ProduceSync(s.t.Context(), s.rows...).FirstErr(); err != nil {
		s.t.Fatal(err)
	}
	s.rows = nil
}

func (s *stand) candidate(name, sync string) (Candidate, *daemon.Config) {
	s.t.Helper()
	text := fmt.Sprintf(`
kafka: {brokers: [%q]}
connections: {main: {access_token: t, advertiser_id: "7000000000000000001"}}
syncs: [{name: it, topic: orders, framing: json, %s}]
`, s.cluster.ListenAddrs()[0], sync)
	c, report := daemon.Parse([]byte(text), settings.Vars(nil))
	if err := report.Err(); err != nil {
		s.t.Fatal(err)
	}
	return Candidate{Name: name, Sync: &c.Syncs[0]}, c
}

func (s *stand) rehearse(o Options, syncs ...string) *Report {
	s.t.Helper()
	s.flush()
	var candidates []Candidate
	var config *daemon.Config
	for i, sync := range syncs {
		c, of := s.candidate([]string{"new.yaml", "old.yaml"}[i], sync)
		candidates, config = append(candidates, c), of
	}
	client, err := admin.New(config.Kafka, "test", nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer client.Close()
	r, err := Run(s.t.Context(), client, o, candidates...)
	if err != nil {
		s.t.Fatal(err)
	}
	if text, _ := json.Marshal(r); strings.Contains(string(text), "example.com") || strings.Contains(string(text), "4420718") {
		s.t.Errorf("the report has personal data: %s", text)
	}
	return r
}

const eventSync = `when: 'status != "open"', web_events: {pixel_code: CTESTPIXELCODE000000, event: {column: name, map: {paid: Purchase, signup: CompleteRegistration}}, event_id: {column: id},
 fields: {event_time: at, user.email: email, user.phone: phone, user.external_id: customer, user.ttclid: click, page.url: {value: "https://x.example/"}, properties.value: amount, properties.currency: %s}}`

// byHand is what the test counts while it writes rows.
type byHand struct {
	rows, sent, open, badEmail, badCurrency int64
	firstBad                                string
	events, email, phone, customer, click   map[string]int64
	cents                                   map[string]int64 // by event and currency
	otherCurrency                           int64            // sent, in another currency than EUR
}

func (s *stand) orders(random *rand.Rand, n int, at time.Time) *byHand {
	h := &byHand{events: map[string]int64{}, email: map[string]int64{}, phone: map[string]int64{}, customer: map[string]int64{}, click: map[string]int64{}, cents: map[string]int64{}}
	var bad []string
	for i := range n {
		name, event := "paid", "Purchase"
		if random.IntN(3) == 0 {
			name, event = "signup", "CompleteRegistration"
		}
		cents, currency := random.Int64N(1_000_000), []string{"EUR", "USD", "JPY"}[random.IntN(3)]
		row := map[string]any{"id": fmt.Sprint("o", i), "name": name, "at": at.Format(time.RFC3339), "status": "done", "customer": fmt.Sprint("c", i),
			"amount": fmt.Sprintf("%d.%02d", cents/100, cents%100), "currency": currency, "email": nil, "phone": nil, "click": nil}
		keys := random.IntN(8)
		for bit, set := range map[int]func(){
			1: func() { row["email"] = fmt.Sprintf("p%d@example.com", i) },
			2: func() { row["phone"] = fmt.Sprintf("+44207183%04d", 1000+i) },
			4: func() { row["click"] = fmt.Sprint("E.C.P.", i) },
		} {
			if keys&bit != 0 {
				set()
			}
		}
		fate := random.IntN(10)
		switch fate {
		case 0:
			row["status"] = "open"
		case 1:
			row["email"] = "nope"
		case 2:
			row["currency"] = "Euro"
		}
		at := s.write(strconv.Itoa(i), at, row)
		h.rows++
		switch fate {
		case 0:
			h.open++
			continue
		case 1:
			h.badEmail++
			continue
		case 2:
			h.badCurrency++
			bad = append(bad, at)
			continue
		}
		h.sent++
		h.events[event]++
		h.customer[event]++
		h.email[event] += int64(keys & 1)
		h.phone[event] += int64(keys & 2 / 2)
		h.click[event] += int64(keys & 4 / 4)
		h.cents[event+" "+currency] += cents
		if currency != "EUR" {
			h.otherCurrency++
		}
	}
	slices.SortFunc(bad, func(a, b string) int { // one digit each, but for the offset
		return strings.Compare(fmt.Sprintf("%s%9s", a[:9], a[9:]), fmt.Sprintf("%s%9s", b[:9], b[9:]))
	})
	h.firstBad = bad[0]
	return h
}

func rowsOf(r *Result, what, reason, field string) (n int64, first string) {
	for _, g := range r.Reasons {
		if g.Outcome == what && g.Reason == reason && g.Field == field {
			return g.Rows, g.First
		}
	}
	return 0, ""
}

func TestARehearsalCountsWhatComesOfEveryRow(t *testing.T) {
	t.Parallel()
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	s := newStand(t)
	h := s.orders(rand.New(rand.NewPCG(seed, 1)), 600, time.Now().UTC().Truncate(time.Second))
	r := s.rehearse(Options{}, fmt.Sprintf(eventSync, "currency"), fmt.Sprintf(eventSync, "{value: EUR}"))
	got := r.Result
	if r.Rows != h.rows || got.Sent != h.sent || got.Skipped != h.open || got.Rejected != h.badEmail+h.badCurrency {
		t.Errorf("got %d rows, %d sent, %d skipped, %d rejected, want %+v", r.Rows, got.Sent, got.Skipped, got.Rejected, h)
	}
	if n, _ := rowsOf(got, "skipped", "filtered", ""); n != h.open {
		t.Errorf("%d rows filtered, want %d", n, h.open)
	}
	if n, _ := rowsOf(got, "rejected", "invalid_email", "user.email"); n != h.badEmail {
		t.Errorf("%d rows with a bad address, want %d: %+v", n, h.badEmail, got.Reasons)
	}
	if n, first := rowsOf(got, "rejected", "invalid_currency", "properties.currency"); n != h.badCurrency || first != h.firstBad {
		t.Errorf("%d rows with a bad currency from %s, want %d from %s: %+v", n, first, h.badCurrency, h.firstBad, got.Reasons)
	}
	if len(got.Events) != 2 {
		t.Fatalf("got events %+v", got.Events)
	}
	for _, e := range got.Events {
		name := e.Event
		want := map[string]int64{"user.email": h.email[name], "user.phone": h.phone[name], "user.external_id": h.customer[name], "user.ttclid": h.click[name]}
		if e.Events != h.events[name] || fmt.Sprint(e.Keys) != fmt.Sprint(want) {
			t.Errorf("%s: got %d events with %v, want %d with %v", name, e.Events, e.Keys, h.events[name], want)
		}
		for currency, v := range e.Values {
			want := h.cents[name+" "+currency]
			if text := strconv.FormatFloat(v.Sum, 'f', 2, 64); text != fmt.Sprintf("%d.%02d", want/100, want%100) {
				t.Errorf("%s: got %s %s, want %d cents", name, text, currency, want)
			}
		}
		if len(e.Values) != 3 {
			t.Errorf("%s: got values %v, want three currencies", name, e.Values)
		}
	}
	h.compare(t, r)
}

// compare holds the difference to the configuration that sends every row in EUR against what was counted.
func (h *byHand) compare(t *testing.T, r *Report) {
	t.Helper()
	got := map[string]int64{}
	for _, k := range r.Difference.Kinds {
		got[k.Was+" > "+k.Is] = k.Rows
		if len(k.First) == 0 || len(k.First) > 3 {
			t.Errorf("%s: positions %v", k.Is, k.First)
		}
	}
	want := map[string]int64{
		"sent > rejected invalid_currency properties.currency": h.badCurrency,
		"sent > sent with other properties.currency":           h.otherCurrency,
	}
	if fmt.Sprint(got) != fmt.Sprint(want) || r.Difference.Rows != h.badCurrency+h.otherCurrency || !r.Difference.Any() {
		t.Errorf("got the difference %v of %d rows, want %v", got, r.Difference.Rows, want)
	}
	if r.Against.Sent != h.sent+h.badCurrency || r.Against.Config != "old.yaml" {
		t.Errorf("the other configuration sends %d, want %d", r.Against.Sent, h.sent+h.badCurrency)
	}
}

func TestARehearsalOfTheSameConfigurationFindsNoDifference(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.orders(rand.New(rand.NewPCG(3, 4)), 60, time.Now())
	sync := fmt.Sprintf(eventSync, "currency")
	if r := s.rehearse(Options{}, sync, sync); r.Difference.Any() || len(r.Difference.Kinds) > 0 {
		t.Errorf("got %+v", r.Difference)
	}
}

func plainOrder(id int, at time.Time) map[string]any {
	return map[string]any{"id": fmt.Sprint("o", id), "name": "paid", "at": at.Format(time.RFC3339), "email": "a@example.com", "status": "done", "phone": nil, "click": nil, "customer": nil, "amount": nil, "currency": nil}
}

func TestRowsAreTakenAtTheTimeAtWhichKafkaGotThem(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for day := range 60 {
		at := time.Now().UTC().AddDate(0, 0, -day)
		s.write(strconv.Itoa(day), at, plainOrder(day, at))
	}
	if r := s.rehearse(Options{}, fmt.Sprintf(eventSync, "currency")); r.Rows != 60 || r.Result.Sent != 60 {
		t.Errorf("got %+v, want every event sent: none was old when it came", r.Result)
	}
}

func TestARehearsalBeginsAtATime(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for hour := 47; hour >= 0; hour-- {
		at := time.Now().UTC().Add(-time.Duration(hour) * time.Hour)
		s.write(strconv.Itoa(47-hour), at, plainOrder(hour, at))
	}
	if r := s.rehearse(Options{Since: time.Now().Add(-150 * time.Minute)}, fmt.Sprintf(eventSync, "currency")); r.Rows != 3 {
		t.Errorf("got %d rows, want those of the last two and a half hours: 3", r.Rows)
	}
}

var audiences = map[string]string{
	"streamed": `audience_segment: {audience: {name: A}, identifiers: {EMAIL_SHA256: email, PHONE_SHA256: phone}, member_when: %s}`,
	"by file":  `audience_file: {audience: {name: A}, identifier: {EMAIL_SHA256: email, PHONE_SHA256: phone}, member_when: %s}`,
}

// person is what the test knows of a key: by its last row.
type person struct{ email, phone, news, vip bool }

func (p person) in(member bool) (people, emails, phones int64) {
	if !member || !p.email && !p.phone {
		return 0, 0, 0
	}
	one := map[bool]int64{true: 1}
	return 1, one[p.email], one[p.phone]
}

func (s *stand) customers(random *rand.Rand, rows, keys int) map[int]person {
	last := map[int]person{}
	for range rows {
		key := random.IntN(keys)
		p := person{email: random.IntN(4) > 0, phone: random.IntN(2) > 0, news: random.IntN(3) > 0, vip: random.IntN(2) > 0}
		row := map[string]any{"id": key, "news": p.news, "vip": p.vip, "email": nil, "phone": nil}
		if p.email {
			row["email"] = fmt.Sprintf("p%d@example.com", key)
		}
		if p.phone {
			row["phone"] = fmt.Sprintf("+44207183%04d", 1000+key)
		}
		switch random.IntN(12) {
		case 0:
			row, p = nil, person{}
		case 1:
			row["email"], p = "nope", person{}
			row["news"], row["vip"] = true, true // so that it is looked at
		}
		s.write(strconv.Itoa(key), time.Now(), row)
		last[key] = p
	}
	return last
}

func TestARehearsalCountsAnAudienceByTheLastRowOfEachKey(t *testing.T) {
	t.Parallel()
	for name, sync := range audiences {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			seed := uint64(time.Now().UnixNano())
			t.Log("seed", seed)
			s := newStand(t)
			last := s.customers(rand.New(rand.NewPCG(seed, 2)), 1500, 300)
			var people, emails, phones, enter, leave int64
			for _, p := range last {
				n, e, f := p.in(p.vip)
				people, emails, phones = people+n, emails+e, phones+f
				was, _, _ := p.in(p.news)
				enter += max(n-was, 0)
				leave += max(was-n, 0)
			}
			r := s.rehearse(Options{}, fmt.Sprintf(sync, "vip"), fmt.Sprintf(sync, "news"))
			a := r.Result.Audience
			if a.People != people || a.Identifiers["EMAIL_SHA256"] != emails || a.Identifiers["PHONE_SHA256"] != phones || a.Sample != 1 {
				t.Errorf("got %+v, want %d people, %d addresses, %d numbers", a, people, emails, phones)
			}
			d := r.Difference.Audience
			if d.Enter != enter || d.Leave != leave || d.Changed != 0 || len(d.First) == 0 {
				t.Errorf("got %+v, want %d to come in and %d to go out", d, enter, leave)
			}
		})
	}
}

func TestALargeAudienceIsEstimatedFromASample(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	const people = 3000
	for key := range people {
		s.write(strconv.Itoa(key), time.Now(), map[string]any{"id": key, "email": fmt.Sprintf("p%d@example.com", key), "phone": nil, "news": true})
	}
	a := s.rehearse(Options{Most: people / 4}, fmt.Sprintf(audiences["streamed"], "news")).Result.Audience
	if a.Sample != 4 || a.People < people*85/100 || a.People > people*115/100 || a.People%4 != 0 {
		t.Errorf("got %+v, want about %d people, from one key in 4", a, people)
	}
}
