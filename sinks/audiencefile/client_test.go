package audiencefile

import (
	"fmt"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/tiktok"
	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// TestTheRealClientUploadsFilesOfEveryType has the real client stream real files over a real connection; the sandbox
// checks signature, type and every line.
func TestTheRealClientUploadsFilesOfEveryType(t *testing.T) {
	t.Parallel()
	for name, identifier := range map[string]string{
		"one type":      "{EMAIL_SHA256: email}",
		"several types": "{EMAIL_SHA256: email, PHONE_SHA256: phone, IDFA_MD5: idfa, GAID_MD5: idfa}",
		"devices":       "{IDFA_SHA256: idfa}",
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, strings.NewReplacer("{EMAIL_SHA256: email}", identifier, "member_when: member\n", "").Replace(plainConfig))
			server := httptest.NewServer(w.tiktok)
			defer server.Close()
			client, err := tiktok.New(settings.WithDefaults(tiktok.Config{BaseURL: server.URL}), tiktok.FixedToken(sandbox.DefaultToken))
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			const people = 4000
			for i := range people {
				w.topic.write(w.topic.key(i), fmt.Sprintf("c|%d|true", i))
			}
			i := w.instance(tempDir(t))
			steps := i.everyone(t)
			i.deps.API, i.deps.NewSteps = client, func() pipeline.Steps { return steps }
			i.plan.cfg.FileSize = 100e3 // smaller than a configuration may ask for
			m := i.upload(Uploaded, Options{})
			uploads := w.tiktok.Uploads()
			if len(uploads) != len(m.Files) || len(uploads) < 2 {
				t.Errorf("got %d uploads for %d files, want as many, and some", len(uploads), len(m.Files))
			}
			lines := 0
			for _, u := range uploads {
				lines += u.Lines
			}
			if lines != people {
				t.Errorf("TikTok got %d lines, want %d", lines, people)
			}
			if want := int64(strings.Count(identifier, ":") * people); m.People != people || m.Identifiers != want {
				t.Errorf("got %d people with %d identifiers, want %d with %d", m.People, m.Identifiers, people, want)
			}
			if a := w.tiktok.Audiences()[0]; !a.Valid {
				t.Errorf("the audience cannot be used: %+v", a)
			}
		})
	}
}

// everyone decodes rows of a number alone: identifiers of every type are made of it.
func (i *instance) everyone(t *testing.T) pipeline.Steps {
	cols := &mapping.Columns{}
	if _, err := New(i.plan.cfg, cols, time.Now); err != nil { // asks for the same columns in the same order
		t.Fatal(err)
	}
	return numbered(cols)
}
