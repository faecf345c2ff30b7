package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// The second comparison: a streamed audience, the daemon's three stages against a loop that remembers all people in a map, has no other
// instance, and forgets all when it ends.

const (
	peopleTopic  = "shop.public.people"
	peopleSchema = `{"type":"record","name":"people","fields":[{"name":"id","type":"string"},{"name":"email","type":"string"}]}`
	keySchema    = `{"type":"record","name":"people_key","fields":[{"name":"id","type":"string"}]}`
	membersPath  = "/bench/members"
	perCall      = 10_000
)

// person is what record i is about: of twenty, 17 are new, two move to another address, and one is deleted.
func person(i int) (id int, email string) {
	switch i % 20 {
	case 9, 14:
		return i - 6, fmt.Sprintf("moved%d@example.com", i)
	case 19:
		return i - 9, ""
	}
	return i, fmt.Sprintf("Person%d@example.com", i)
}

// stay is how many people are left of n records.
func stay(n int) (left int) {
	for i := range n {
		switch i % 20 {
		case 9, 14: // one who was there before
		case 19:
			left--
		default:
			left++
		}
	}
	return left
}

// loadPeople writes n records of the people table.
func loadPeople(broker string, registry *srfake.Registry, n int) error {
	value, _, err := registry.RegisterSchema(peopleTopic+"-value", sr.Schema{Schema: peopleSchema})
	if err != nil {
		return err
	}
	key, _, err := registry.RegisterSchema(peopleTopic+"-key", sr.Schema{Schema: keySchema})
	if err != nil {
		return err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(broker), kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return err
	}
	defer client.Close()
	framed := func(id int, texts ...string) []byte {
		b := binary.BigEndian.AppendUint32([]byte{0}, uint32(id))
		for _, t := range texts {
			b = append(binary.AppendVarint(b, int64(len(t))), t...)
		}
		return b
	}
	var failed error
	for i := range n {
		id, email := person(i)
		r := &kgo.Record{Topic: peopleTopic, Key: framed(key, strconv.Itoa(id))}
		if email != "" {
			r.Value = framed(value, strconv.Itoa(id), email)
		}
		client.Produce(context.Background(), r, func(_ *kgo.Record, err error) {
			if err != nil {
				failed = err
			}
		})
	}
	if err := client.Flush(context.Background()); err != nil {
		return err
	}
	return failed
}

// listenSandbox serves TikTok as it judges audiences, and how many members the last one has.
func listenSandbox() (string, error) {
	tiktok := sandbox.New(sandbox.Config{})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	go http.Serve(listener, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != membersPath {
			tiktok.ServeHTTP(w, r)
			return
		}
		list := tiktok.Audiences()
		json.NewEncoder(w).Encode(list[len(list)-1].Members)
	}))
	return "http://" + listener.Addr().String(), nil
}

// barePeople is the yardstick of streamed audiences.
type barePeople struct {
	loop
	digests map[string][sha256.Size]byte
	bare    bare
	lists   [2][]byte // of adds and deletes
	counts  [2]int
}

func runBarePeople(ctx context.Context, a addresses) (int, error) {
	p := &barePeople{digests: map[string][sha256.Size]byte{}, loop: loop{post: a.TikTok + "/open_api/v1.3/segment/mapping/"}}
	n, err := fetchAll(ctx, a, peopleTopic, p.record)
	for which := range p.lists {
		if err == nil {
			err = p.send(which)
		}
	}
	if err == nil && len(p.digests) != stay(a.Records) {
		err = fmt.Errorf("%d people, want %d", len(p.digests), stay(a.Records))
	}
	return n, err
}

func (p *barePeople) record(r *kgo.Record) error {
	key := reader{r.Key[5:]}
	id := key.bytes()
	was, known := p.digests[string(id)]
	if r.Value == nil {
		delete(p.digests, string(id))
		if known {
			return p.say(1, &was)
		}
		return nil
	}
	value := reader{r.Value[5:]}
	value.bytes()
	now := sha256.Sum256(p.bare.email(value.bytes()))
	if known && now == was {
		return nil
	}
	p.digests[string(id)] = now
	if err := p.say(0, &now); err != nil || !known {
		return err
	}
	return p.say(1, &was)
}

// say has a digest added (0) or deleted (1), with others.
func (p *barePeople) say(which int, digest *[sha256.Size]byte) error {
	list := p.lists[which]
	if p.counts[which]++; p.counts[which] > 1 {
		list = append(list, ',')
	}
	p.lists[which] = append(hex.AppendEncode(append(list, `[{"id":"`...), digest[:]), `","audience_ids":["7100000000000000001"]}]`...)
	if p.counts[which] == perCall {
		return p.send(which)
	}
	return nil
}

var heads = [2]string{`{"advertiser_ids":["7000000000000000001"],"action":"add","id_schema":["EMAIL_SHA256"],"batch_data":[`,
	`{"advertiser_ids":["7000000000000000001"],"action":"delete","id_schema":["EMAIL_SHA256"],"batch_data":[`}

func (p *barePeople) send(which int) error {
	if p.counts[which] == 0 {
		return nil
	}
	p.body = append(append(append(p.body[:0], heads[which]...), p.lists[which]...), "]}"...)
	p.lists[which], p.counts[which] = p.lists[which][:0], 0
	return p.call(p.body)
}

// peopleText asks the daemon for what the bare loop of people does by hand.
const peopleText = `
kafka: {brokers: ["${BROKER}"], group: "${GROUP}"}
schema_registry: {url: "${REGISTRY}"}
outcomes: {enabled: "${OUTCOMES}"}
connections: {main: {access_token: "${TOKEN}", advertiser_id: "7000000000000000001", base_url: "${TIKTOK}"}}
admin: {listen: "127.0.0.1:0"}
syncs:
  - name: "${GROUP}"
    topic: ` + peopleTopic + `
    format: flat
    before_image: key_only
    audience_segment:
      audience: {name: "People of ${GROUP}"}
      identifiers: {EMAIL_SHA256: email}
      batch: {max_users: 10000}
`

// runPeople runs the daemon until nothing of the audience is on its way any more.
func runPeople(ctx context.Context, a addresses) (int, error) {
	a.TikTok = a.Audience
	n, err := runDaemon(ctx, a, peopleText, false)
	if err != nil {
		return n, err
	}
	response, err := http.Get(a.Audience + membersPath)
	if err != nil {
		return n, err
	}
	defer response.Body.Close()
	said, err := io.ReadAll(response.Body)
	if want := strconv.Itoa(stay(a.Records)); err == nil && string(bytes.TrimSpace(said)) != want {
		err = fmt.Errorf("TikTok has %s members, want %s", bytes.TrimSpace(said), want)
	}
	return n, err
}
