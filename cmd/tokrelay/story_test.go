package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/linkedin/goavro/v2"
	"github.com/rogpeppe/go-internal/testscript"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/twmb/franz-go/pkg/sr"
	"github.com/twmb/franz-go/pkg/sr/srfake"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/longtests/processes/program"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// The scripts in testdata run the real binary, each against a stack of its own: an embedded broker, a registry and the
// TikTok simulator.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"tokrelay": func() { os.Exit(run(os.Args[1:])) },
		"browse":   func() { os.Exit(browse(os.Args[1])) },
	})
}

func TestStories(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata",
		RequireExplicitExec: true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("GORACE", "atexit_sleep_ms=0") // a program under the race detector waits a second before it ends
			env.Setenv("GOGC", "1000")                // two hundred short-lived programs, which need not collect
			return newStack(env)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"produce":  func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).produce(ts, args) },
			"settled":  func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).settled(ts, args) },
			"holds":    func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).holds(ts, args) },
			"called":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).called(ts, args) },
			"letters":  func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).letters(ts, args) },
			"commit":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).commit(ts, args) },
			"tiktok":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).tell(ts, args) },
			"topic":    func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).topic(ts, args) },
			"secret":   secret,
			"shows":    shows,
			"age":      func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).age(ts, args) },
			"forget":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).forget(ts, args) },
			"members":  func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).members(ts, args) },
			"filled":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).filled(ts, args) },
			"poison":   func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).poison(ts, args) },
			"reached":  func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).reached(ts, args) },
			"register": func(ts *testscript.TestScript, _ bool, args []string) { stackOf(ts).register(ts, args) },
		},
	})
}

// browse is a browser that follows the redirect of TikTok's consent page.
func browse(address string) int {
	answer, err := http.Get(address)
	if err != nil {
		fmt.Fprintln(os.Stderr, "browse:", err)
		return 1
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return 1
	}
	return 0
}

// secret FILE fails when the token in the file is in what the last command printed.
func secret(ts *testscript.TestScript, _ bool, args []string) {
	token := strings.TrimSpace(ts.ReadFile(args[0]))
	var stored struct {
		Token string `json:"access_token"`
	}
	if json.Unmarshal([]byte(token), &stored) == nil {
		token = stored.Token
	}
	if token == "" || strings.Contains(ts.ReadFile("stdout")+ts.ReadFile("stderr"), token) {
		ts.Fatalf("the token is missing, or was printed")
	}
}

// stack is what a script talks to.
type stack struct {
	broker  *kfake.Cluster
	client  *kgo.Client
	admin   *kadm.Client
	schemas *srfake.Registry
	tiktok  *sandbox.Sandbox
	commits chan struct{} // a group has committed
	calls   chan struct{} // TikTok was called
	codecs  map[string]*encoder
}

type encoder struct {
	codec *goavro.Codec
	id    int
}

type stackKey struct{}

func stackOf(ts *testscript.TestScript) *stack { return ts.Value(stackKey{}).(*stack) }

func newStack(env *testscript.Env) error {
	broker, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "shop.public.orders"))
	if err != nil {
		return err
	}
	env.Defer(broker.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		return err
	}
	env.Defer(client.Close)
	s := &stack{broker: broker, client: client, admin: kadm.NewClient(client), schemas: srfake.New(),
		tiktok:  sandbox.New(sandbox.Config{Refuse: sandbox.Strict(), AllowApp: true}),
		commits: make(chan struct{}, 1), calls: make(chan struct{}, 1), codecs: map[string]*encoder{}}
	env.Defer(s.schemas.Close)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.tiktok.ServeHTTP(w, r)
		notify(s.calls)
	}))
	env.Defer(server.Close)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "<html>a page</html>") }))
	env.Defer(web.Close)
	broker.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
		broker.KeepControl()
		notify(s.commits)
		return nil, nil, false
	})
	env.Values[stackKey{}] = s
	env.Setenv("REDIRECT", "http://"+program.FreeAddress()+"/callback")
	env.Setenv("ADMIN", program.FreeAddress())
	for name, value := range map[string]string{
		"BROKER": broker.ListenAddrs()[0], "REGISTRY": s.schemas.URL(), "TIKTOK": server.URL, "WEB": web.URL, "TOKEN": sandbox.DefaultToken,
		"NOW": time.Now().UTC().Format(time.RFC3339), "OLD": time.Now().AddDate(0, -2, 0).UTC().Format(time.RFC3339),
		"TOKRELAY_HOME": env.WorkDir + "/home", "APP": sandbox.DefaultAppID, "SECRET": sandbox.DefaultAppSecret,
	} {
		env.Setenv(name, value)
	}
	return nil
}

// shows PATH PATTERN waits until what $ADMIN answers has a line like the pattern.
func shows(ts *testscript.TestScript, _ bool, args []string) {
	look := regexp.MustCompile("(?m)" + args[1])
	ticks := make(chan struct{}, 1)
	await(ts, args[0]+" shows "+args[1], ticks, func(context.Context) bool {
		time.AfterFunc(50*time.Millisecond, func() { notify(ticks) })
		answer, err := http.Get("http://" + ts.Getenv("ADMIN") + args[0])
		if err != nil {
			return false
		}
		defer answer.Body.Close()
		text, err := io.ReadAll(answer.Body)
		return err == nil && look.Match(text)
	})
}

func notify(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// await asks again after every signal until it is so, for two minutes at most.
func await(ts *testscript.TestScript, what string, signals <-chan struct{}, so func(context.Context) bool) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	for !so(ctx) {
		select {
		case <-signals:
		case <-ctx.Done():
			ts.Fatalf("%s: not within two minutes", what)
		}
	}
}

// topic NAME PARTITIONS [key=value]... makes a topic.
func (s *stack) topic(ts *testscript.TestScript, args []string) {
	partitions, err := strconv.Atoi(args[1])
	ts.Check(err)
	settings := map[string]string{}
	for _, pair := range args[2:] {
		key, value, _ := strings.Cut(pair, "=")
		settings[key] = value
	}
	ts.Check(s.broker.CreateTopic(args[0], int32(partitions), settings))
}

// register TOPIC FILE registers the schema of a topic's values.
func (s *stack) register(ts *testscript.TestScript, args []string) {
	text := ts.ReadFile(args[1])
	client, err := sr.NewClient(sr.URLs(s.schemas.URL()))
	ts.Check(err)
	registered, err := client.CreateSchema(context.Background(), args[0]+"-value", sr.Schema{Schema: text})
	ts.Check(err)
	codec, err := goavro.NewCodecForStandardJSON(text)
	ts.Check(err)
	s.codecs[args[0]] = &encoder{codec: codec, id: registered.ID}
}

// produce TOPIC FILE [TIMES] writes a record per line: JSON in the topic's schema, or text as it is behind an
// exclamation mark. A line may begin with a key and a tab. The file may be written several times; %d in a line is then
// the record's number.
func (s *stack) produce(ts *testscript.TestScript, args []string) {
	there, err := s.admin.ListTopics(context.Background(), args[0])
	ts.Check(err)
	partitions := int32(len(there[args[0]].Partitions))
	var records []*kgo.Record
	lines := strings.Split(strings.TrimSpace(os.Expand(ts.ReadFile(args[1]), ts.Getenv)), "\n")
	if len(args) > 2 {
		times, err := strconv.Atoi(args[2])
		ts.Check(err)
		lines = slices.Repeat(lines, times)
	}
	for i, line := range lines {
		line = strings.ReplaceAll(line, "%d", strconv.Itoa(i))
		r := &kgo.Record{Topic: args[0], Partition: int32(i) % partitions, Key: []byte(strconv.Itoa(i))}
		if key, rest, ok := strings.Cut(line, "\t"); ok {
			r.Key, line = []byte(key), rest
		}
		if text, ok := strings.CutPrefix(line, "!"); ok {
			r.Value = []byte(text)
		} else {
			r.Value = s.encode(ts, args[0], line)
		}
		records = append(records, r)
	}
	ts.Check(s.client.ProduceSync(context.Background(), records...).FirstErr())
}

func (s *stack) encode(ts *testscript.TestScript, topic, line string) []byte {
	e := s.codecs[topic]
	native, _, err := e.codec.NativeFromTextual([]byte(line))
	ts.Check(err)
	value, err := e.codec.BinaryFromNative(binary.BigEndian.AppendUint32([]byte{0}, uint32(e.id)), native)
	ts.Check(err)
	return value
}

// settled GROUP TOPIC waits until the group has committed everything the topic holds.
func (s *stack) settled(ts *testscript.TestScript, args []string) {
	await(ts, "group "+args[0], s.commits, func(ctx context.Context) bool { return s.isRead(ctx, ts, args[0], args[1]) })
	await(ts, "what streamed audiences are told", s.commits, func(ctx context.Context) bool {
		groups, err := s.admin.ListGroups(ctx)
		ts.Check(err)
		for _, group := range groups.Groups() {
			if info := s.broker.GroupInfo(group); info == nil || len(info.Members) == 0 {
				continue // of an audience that no one streams to any more
			}
			if strings.Contains(group, ".audience") && !s.isRead(ctx, ts, group, group) { // their groups are called as the topics are
				return false
			}
		}
		return true
	})
}

// isRead reports whether a group has committed all of a topic.
func (s *stack) isRead(ctx context.Context, ts *testscript.TestScript, group, topic string) bool {
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	ts.Check(err)
	committed, err := s.admin.FetchOffsets(ctx, group)
	if errors.Is(err, kerr.GroupIDNotFound) {
		return false
	}
	ts.Check(err)
	all := true
	ends.Each(func(end kadm.ListedOffset) {
		at, ok := committed.Lookup(end.Topic, end.Partition)
		all = all && (end.Offset == 0 || ok && at.At == end.Offset)
	})
	return all
}

// commit GROUP TOPIC PARTITION OFFSET sets an offset as a member of the group would.
func (s *stack) commit(ts *testscript.TestScript, args []string) {
	partition, err := strconv.Atoi(args[2])
	ts.Check(err)
	offset, err := strconv.ParseInt(args[3], 10, 64)
	ts.Check(err)
	o := kadm.Offsets{}
	o.AddOffset(args[1], int32(partition), offset, -1)
	ts.Check(s.admin.CommitAllOffsets(context.Background(), args[0], o))
}

// reached GROUP TOPIC PARTITION OFFSET waits until the group has committed the offset.
func (s *stack) reached(ts *testscript.TestScript, args []string) {
	partition, err := strconv.Atoi(args[2])
	ts.Check(err)
	await(ts, "offset "+args[3], s.commits, func(context.Context) bool {
		g := s.broker.GroupInfo(args[0])
		return g != nil && strconv.FormatInt(g.Commits[args[1]][int32(partition)].Offset, 10) == args[3]
	})
}

// poison TOPIC PARTITION writes a batch of one record, two megabytes of zeros packed into next to nothing.
func (s *stack) poison(ts *testscript.TestScript, args []string) {
	partition, err := strconv.Atoi(args[1])
	ts.Check(err)
	client, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.ZstdCompression()), kgo.ProducerBatchMaxBytes(4<<20))
	ts.Check(err)
	defer client.Close()
	ts.Check(client.ProduceSync(context.Background(), &kgo.Record{Topic: args[0], Partition: int32(partition), Value: make([]byte, 2<<20)}).FirstErr())
}

// holds EVENTS DUPLICATES compares what TikTok has.
func (s *stack) holds(ts *testscript.TestScript, args []string) {
	e := s.tiktok.Stats().Events
	if got := []string{fmt.Sprint(e.Accepted), fmt.Sprint(e.Duplicates)}; !slices.Equal(got, args) {
		ts.Fatalf("TikTok holds %s events and dropped %s duplicates; want %s and %s", got[0], got[1], args[0], args[1])
	}
}

// members N compares the number of digests in the only audience.
func (s *stack) members(ts *testscript.TestScript, args []string) {
	list := s.tiktok.Audiences()
	if len(list) != 1 || fmt.Sprint(list[0].Members) != args[0] {
		ts.Fatalf("TikTok has %d audience(s), want one with %s members: %+v", len(list), args[0], list)
	}
}

// filled N NAME waits until TikTok's audience of that name has N members.
func (s *stack) filled(ts *testscript.TestScript, args []string) {
	await(ts, "members of "+args[1], s.calls, func(context.Context) bool {
		return slices.ContainsFunc(s.tiktok.Audiences(), func(a sandbox.Audience) bool {
			return a.Name == args[1] && fmt.Sprint(a.Members) == args[0]
		})
	})
}

// called N waits until TikTok has taken N events.
func (s *stack) called(ts *testscript.TestScript, args []string) {
	n, err := strconv.ParseInt(args[0], 10, 64)
	ts.Check(err)
	await(ts, "events at TikTok", s.calls, func(context.Context) bool { return s.tiktok.Stats().Events.Accepted >= n })
}

// letters N TOPIC compares the number of records and checks, as any consumer sees them, that headers are text and keys and
// values the bytes that were produced.
func (s *stack) letters(ts *testscript.TestScript, args []string) {
	ctx := context.Background()
	sources := map[string]*kgo.Record{}
	s.each(ts, ctx, args[1], func(r *kgo.Record) { sources[fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition, r.Offset)] = r })
	n := 0
	s.each(ts, ctx, "tokrelay.rejected", func(r *kgo.Record) {
		n++
		headers := map[string]string{}
		for _, h := range r.Headers {
			headers[h.Key] = string(h.Value)
			if !utf8.Valid(h.Value) || bytes.ContainsFunc(h.Value, unicode.IsControl) {
				ts.Fatalf("letter %d/%d: header %s is not a line of text: %q", r.Partition, r.Offset, h.Key, h.Value)
			}
		}
		place := headers["__connect.errors.topic"] + "/" + headers["__connect.errors.partition"] + "/" + headers["__connect.errors.offset"]
		row, ok := sources[place]
		if ok && headers["tokrelay.dlq.value_omitted"] != "" {
			row = &kgo.Record{}
		}
		if !ok || !bytes.Equal(row.Value, r.Value) || !bytes.Equal(row.Key, r.Key) {
			ts.Fatalf("letter %d/%d does not hold the bytes of its row %s", r.Partition, r.Offset, place)
		}
	})
	if fmt.Sprint(n) != args[0] {
		ts.Fatalf("the rejected topic holds %d letters, want %s", n, args[0])
	}
}

// age DURATION writes the letters again as if they had failed first so long ago.
func (s *stack) age(ts *testscript.TestScript, args []string) {
	const topic = "tokrelay.rejected"
	ago, err := time.ParseDuration(args[0])
	ts.Check(err)
	ctx, old := context.Background(), []*kgo.Record{}
	s.each(ts, ctx, topic, func(r *kgo.Record) {
		for i := range r.Headers {
			if r.Headers[i].Key == "tokrelay.dlq.first_failed_at" {
				r.Headers[i].Value = []byte(time.Now().Add(-ago).UTC().Format(time.RFC3339))
			}
		}
		old = append(old, r)
	})
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	ts.Check(err)
	_, err = s.admin.DeleteRecords(ctx, ends.Offsets())
	ts.Check(err)
	ts.Check(s.client.ProduceSync(ctx, old...).FirstErr())
}

// forget TOPIC deletes everything a topic holds.
func (s *stack) forget(ts *testscript.TestScript, args []string) {
	ends, err := s.admin.ListEndOffsets(context.Background(), args[0])
	ts.Check(err)
	_, err = s.admin.DeleteRecords(context.Background(), ends.Offsets())
	ts.Check(err)
}

func (s *stack) each(ts *testscript.TestScript, ctx context.Context, topic string, do func(*kgo.Record)) {
	reader, err := kgo.NewClient(kgo.SeedBrokers(s.broker.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	ts.Check(err)
	defer reader.Close()
	starts, err := s.admin.ListStartOffsets(ctx, topic)
	ts.Check(err)
	ends, err := s.admin.ListEndOffsets(ctx, topic)
	ts.Check(err)
	left := int64(0)
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup(o.Topic, o.Partition)
		left += o.Offset - start.Offset
	})
	for left > 0 {
		fetches := reader.PollFetches(ctx)
		ts.Check(fetches.Err())
		fetches.EachRecord(func(r *kgo.Record) { do(r); left-- })
	}
}

// tell makes TikTok behave: `tiktok refuse ID` refuses the row with that event id, `tiktok forgive` ends all faults.
func (s *stack) tell(ts *testscript.TestScript, args []string) {
	switch args[0] {
	case "refuse":
		s.tiktok.AddFault(sandbox.Fault{Endpoint: "/event/track/", ID: args[1], Code: 40002, Message: sandbox.RowMessage})
	case "revoke":
		s.tiktok.RevokeTokens()
	case "forgive":
		s.tiktok.ClearFaults()
	default:
		ts.Fatalf("TikTok does not know %q", args[0])
	}
}
