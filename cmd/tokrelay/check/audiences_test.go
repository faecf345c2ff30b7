package check

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/pipeline/state"
	"github.com/tokrelay/tokrelay/sinks/audience"
)

// remembered is a state topic with these documents.
func remembered(t *testing.T, documents map[string]string) *state.Store {
	t.Helper()
	var records []pipeline.Record
	store := state.NewStore(state.Log{
		Topic: "state",
		Ends: func(context.Context) (string, map[int32]int64, error) {
			return "", map[int32]int64{0: int64(len(records))}, nil
		},
		Read: func(_ context.Context, _ string, from, to map[int32]int64, each func(*pipeline.Record) error) error {
			for i := from[0]; i < to[0]; i++ {
				if err := each(&records[i]); err != nil {
					return err
				}
			}
			return nil
		},
	}, time.Now)
	for key, text := range documents {
		records = append(records, pipeline.Record{Key: []byte("doc/" + key), Value: []byte(text), Offset: int64(len(records))})
	}
	if err := store.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	return store
}

func TestWhatTheDaemonWillDoAboutItsAudienceIsTold(t *testing.T) {
	no := false
	partner := func(id, name string) audience.Details {
		return audience.Details{ID: id, Name: name, Type: "Partner Audience", Valid: true}
	}
	changed := func(d audience.Details, change func(*audience.Details)) audience.Details {
		change(&d)
		return d
	}
	foreign := changed(partner("5", "News"), func(d *audience.Details) { d.Creator = &no })
	expired := changed(partner("6", "News"), func(d *audience.Details) { d.Expires = audience.Time{Time: time.Unix(1, 0)} })
	older := changed(partner("4", "News"), func(d *audience.Details) { d.Created = audience.Time{Time: time.Unix(1, 0)} })
	newer := changed(partner("3", "News"), func(d *audience.Details) { d.Created = audience.Time{Time: time.Unix(2, 0)} })
	bound := map[string]string{"audience/s": `{"mode":"segment","name":"News","ids":{"1":"7"},"generation":0}`}
	segment := "audience_segment: {audience: {name: News}, identifiers: {EMAIL_SHA256: email}}"
	for _, c := range []struct {
		name, sync string
		state      map[string]string
		list       []audience.Details
		want, says string
		cure       string
	}{
		{"not there yet", segment, nil, nil, OK, "does not exist yet", ""},
		{"there", segment, bound, []audience.Details{partner("7", "News")}, OK, "ready", ""},
		{"renamed at TikTok", segment, bound, []audience.Details{partner("7", "Old news")}, OK, `called "Old news" at TikTok by now (id 7)`, ""},
		{"renamed in the configuration", strings.Replace(segment, "News", "Other", 1), bound, []audience.Details{partner("7", "News")}, Fail, "resync --recreate --sync s", "held"},
		{"deleted", segment, bound, nil, Fail, "is gone at TikTok (id 7)", "resync --sync s --recreate"},
		{"switched", "audience_file: {audience: {name: News}, identifier: {EMAIL_SHA256: email}}", bound, nil, Fail, "by segment and is now configured for file", "held"},
		{"foreign, by name", segment, nil, []audience.Details{foreign}, OK, "never filled; sync s makes one of its own", ""},
		{"foreign, bound to it", segment, bound, []audience.Details{changed(foreign, func(d *audience.Details) { d.ID = "7" })}, Fail, "belongs to another account", "name another"},
		{"foreign, by id", `audience_segment: {audience: {id: "5"}, identifiers: {EMAIL_SHA256: email}}`, nil, []audience.Details{foreign}, Fail, "belongs to another account", "name another"},
		{"foreign, of files", `audience_file: {audience: {id: "5"}, identifier: {EMAIL_SHA256: email}}`, nil,
			[]audience.Details{changed(foreign, func(d *audience.Details) { d.Type = "Customer File Audience" })}, Fail, "belongs to another account", "name another"},
		{"expired, by name", segment, nil, []audience.Details{expired}, OK, "does not exist yet", ""},
		{"expired, bound to it", segment, bound, []audience.Details{changed(expired, func(d *audience.Details) { d.ID = "7" })}, Fail, "has expired", "--recreate"},
		{"several of the name", segment, nil, []audience.Details{newer, older, expired, foreign}, Warn, "there are 2 of this name: the sync fills the oldest, id 4", "audience: {id: …}"},
		{"another sync's", segment, map[string]string{"filled/1/7": `{"sync":"other"}`}, []audience.Details{partner("7", "News")}, Fail, "is filled by sync other", "tokrelay resync --sync s"},
		{"its own", segment, map[string]string{"filled/1/7": `{"sync":"s"}`}, []audience.Details{partner("7", "News")}, OK, "ready", ""},
		{"an id that is not there", `audience_segment: {audience: {id: "9"}, identifiers: {EMAIL_SHA256: email}}`, nil, nil, Fail, "no audience of this id", "tokrelay audience list"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config, report := daemon.Parse([]byte("kafka: {brokers: [\"localhost:9092\"]}\nconnections: {main: {advertiser_id: \"1\", access_token: t}}\n"+
				"syncs:\n  - {name: s, topic: t, "+c.sync+"}\n"), settings.Vars(nil))
			if err := report.Err(); err != nil {
				t.Fatal(err)
			}
			var list []Finding
			u := &checkup{config: config, now: time.Now(), emit: func(f Finding) { list = append(list, f) }}
			if c.state != nil {
				u.state = remembered(t, c.state)
			}
			u.audience(t.Context(), &config.Syncs[0], "1", c.list)
			found := false
			for _, f := range list {
				found = found || f.State == c.want && strings.Contains(f.Says, c.says) && strings.Contains(f.Cure, c.cure)
			}
			if !found {
				t.Errorf("got %+v, want %s %q %q", list, c.want, c.says, c.cure)
			}
		})
	}
}
