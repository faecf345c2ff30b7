package daemon

import (
	"crypto/sha256"
	"fmt"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

const twoAccounts = `kafka: {brokers: ["localhost:9092"]}
connections:
  one: {advertiser_id: "1", access_token: t}
  two: {advertiser_id: "2", access_token: t}
syncs:
`

func TestTwoSyncsThatFillOneAudienceInTwoWaysAreRefused(t *testing.T) {
	long := strings.Repeat("x", 71)
	segment := func(name, rest string) string {
		return "  - {name: " + name + ", topic: t, connection: one, audience_segment: {identifiers: {EMAIL_SHA256: email}, " + rest + "}}\n"
	}
	file := func(name, rest string) string {
		return "  - {name: " + name + ", topic: t, connection: one, audience_file: {identifier: {EMAIL_SHA256: email}, " + rest + "}}\n"
	}
	for _, c := range []struct {
		name, syncs string
		refused     bool
	}{
		{"streamed, by one name", segment("a", "audience: {name: X}") + segment("b", "audience: {name: X}"), false},
		{"streamed, by names that TikTok cuts", segment("a", "audience: {name: "+long+"y}") + segment("b", "audience: {name: "+long+"z}"), false},
		{"streamed to other advertisers, too", segment("a", "audience: {name: X}") + segment("b", `audience: {name: X}, advertiser_ids: ["1", "2"]`), true},
		{"by one id, in two ways", segment("a", `audience: {id: "7"}`) + file("b", `audience: {id: "7"}`), true},
		{"files of one name", file("a", "audience: {name: X}") + file("b", "audience: {name: X}"), true},
		{"one of several advertisers", segment("a", `audience: {name: X}, advertiser_ids: ["1", "2"]`) + strings.Replace(segment("b", "audience: {name: X}"), "connection: one", "connection: two", 1), true},
		{"a streamed one and a file one of one name", segment("a", "audience: {name: X}") + file("b", "audience: {name: X}"), false},
		{"other names", segment("a", "audience: {name: X}") + segment("b", "audience: {name: Y}"), false},
		{"other advertisers", segment("a", "audience: {name: X}") + strings.Replace(segment("b", "audience: {name: X}"), "connection: one", "connection: two", 1), false},
		{"rows name them", segment("a", "audience: {column: x}") + segment("b", "audience: {column: x}"), false},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, report := Parse([]byte(twoAccounts+c.syncs), settings.Vars(nil))
			problems := map[int]string{}
			for _, p := range report.Problems() {
				if !p.Warning {
					problems[p.Line] += p.Path + ": " + p.Rule
				}
			}
			if !c.refused {
				if len(problems) > 0 {
					t.Errorf("got %v, want no problem", problems)
				}
				return
			}
			for line, other := range map[int]string{6: "sync b", 7: "sync a"} {
				if got := problems[line]; !strings.Contains(got, "is the audience of "+other+" too") {
					t.Errorf("line %d: got %q, want that it is the audience of %s too", line, got, other)
				}
			}
		})
	}
}

func TestRowsOfChangedColumnsNeedAMemory(t *testing.T) {
	for rest, refused := range map[string]bool{
		"after_image: changed, audience_segment: {audience: {name: X}, identifiers: {EMAIL_SHA256: email}}":                                                                     false,
		"after_image: changed, audience_file: {audience: {name: X}, identifier: {EMAIL_SHA256: email}}":                                                                         true,
		"after_image: changed, before_image: full, audience_file: {audience: {name: X}, identifier: {EMAIL_SHA256: email}}":                                                     false,
		"after_image: full, audience_file: {audience: {name: X}, identifier: {EMAIL_SHA256: email}}":                                                                            false,
		"after_image: changed, deleted_when: {column: gone, equals: true}, audience_segment: {audience: {name: X}, identifiers: {EMAIL_SHA256: email}}":                         true,
		"after_image: changed, web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, fields: {event_time: at, user.email: email, page.url: {value: https://x.example/}}}": false,
	} {
		_, report := Parse([]byte(twoAccounts+"  - {name: a, topic: t, connection: one, "+rest+"}\n"), settings.Vars(nil))
		if err := report.Err(); (err != nil) != refused {
			t.Errorf("%s: got %v, want refused: %v", rest, err, refused)
		}
	}
}

// A call must have ended before Kafka gives what it is about to another instance.
func TestTheSessionOutlastsTheCallsOfStreamedAudiences(t *testing.T) {
	segment := "audience_segment: {audience: {name: X}, identifiers: {EMAIL_SHA256: email}}"
	events := "web_events: {pixel_code: CTESTPIXELCODE000000, event: Lead, fields: {event_time: at, user.email: email, page.url: {value: https://x.example/}}}"
	for _, c := range []struct {
		session, timeout, sink string
		refused                bool
	}{{"45s", "30s", segment, false}, {"35s", "30s", segment, false}, {"34s", "30s", segment, true}, {"34s", "30s", events, false}, {"15s", "10s", segment, false}} {
		_, report := Parse([]byte(`kafka: {brokers: ["localhost:9092"], session_timeout: `+c.session+`}
connections: {one: {advertiser_id: "1", access_token: t, timeout: `+c.timeout+`}}
syncs:
  - {name: a, topic: t, `+c.sink+"}\n"), settings.Vars(nil))
		want := ""
		if c.refused {
			want = "kafka.session_timeout: must be at least 5s longer than connections.one.timeout"
		}
		wantProblem(t, report, want)
	}
}

// alike are two names whose SHA-256 begin with the same four bytes.
func alike() (one, other string) {
	names := map[[4]byte]string{}
	for i := 0; ; i++ {
		name := fmt.Sprint("sync-", i)
		sum := sha256.Sum256([]byte(name))
		if before, ok := names[[4]byte(sum[:])]; ok {
			return before, name
		}
		names[[4]byte(sum[:])] = name
	}
}

// Owners know the syncs of an audience by the first bytes of a digest of their names, and would take two of those for one.
func TestSyncsWhoseNamesAreOneToOwnersAreRefused(t *testing.T) {
	one, other := alike()
	segment := "audience_segment: {audience: {name: %s}, identifiers: {EMAIL_SHA256: email}}"
	file := "audience_file: {audience: {name: %s}, identifier: {EMAIL_SHA256: email}}"
	for _, c := range []struct{ second, sink, want string }{
		{other, segment, "syncs[1].name: is too much like the name of sync " + one},
		{other + "x", segment, ""},
		{other, file, ""}, // its rows have no owners
	} {
		_, report := Parse([]byte(`kafka: {brokers: ["localhost:9092"]}
connections: {one: {advertiser_id: "1", access_token: t}}
syncs:
  - {name: `+one+", topic: t, "+fmt.Sprintf(segment, "X")+`}
  - {name: `+c.second+", topic: t, "+fmt.Sprintf(c.sink, "Y")+"}\n"), settings.Vars(nil))
		wantProblem(t, report, c.want)
	}
}
