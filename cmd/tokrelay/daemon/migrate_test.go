package daemon

import (
	"bytes"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/sinks/tiktok/sandbox"
)

// left is what the release before owners of audiences left behind: a call to TikTok, a record, or how far its group had committed. It was
// made by that release, with the sync web of onlyWeb and `remember: always`: rows 1 to 6 came, of which 1 and 5 share an address;
// then row 2 got another address, row 3 was deleted, and row 4 rejected.
type left struct {
	Path      string
	Body      []byte
	Topic     string
	Key       []byte
	Value     []byte
	Committed int64
}

// earlier puts a cluster and TikTok where the release before left them.
func (p *pair) earlier() {
	p.Helper()
	file, err := os.ReadFile("testdata/earlier.jsonl")
	if err != nil {
		p.Fatal(err)
	}
	admin := kadm.NewClient(p.client)
	compact := "compact"
	if _, err := admin.CreateTopics(p.Context(), 1, 1, map[string]*string{"cleanup.policy": &compact}, "shop.web.members", "tokrelay.state"); err != nil {
		p.Fatal(err)
	}
	for line := range bytes.Lines(file) {
		var l left
		if err := json.Unmarshal(line, &l); err != nil {
			p.Fatal(err)
		}
		switch {
		case l.Path != "":
			p.call(l)
		case l.Committed > 0:
			at := kadm.Offsets{}
			at.AddOffset(l.Topic, 0, l.Committed, -1)
			if err := admin.CommitAllOffsets(p.Context(), "shop.web", at); err != nil {
				p.Fatal(err)
			}
		default:
			if err := p.client.ProduceSync(p.Context(), &kgo.Record{Topic: l.Topic, Key: l.Key, Value: l.Value}).FirstErr(); err != nil {
				p.Fatal(err)
			}
		}
	}
}

// call makes a call that the release before made.
func (p *pair) call(l left) {
	p.Helper()
	r, err := http.NewRequestWithContext(p.Context(), http.MethodPost, p.url+l.Path, bytes.NewReader(l.Body))
	if err != nil {
		p.Fatal(err)
	}
	r.Header.Set("Access-Token", sandbox.DefaultToken)
	r.Header.Set("Content-Type", "application/json")
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		p.Fatal(err)
	}
	answer.Body.Close()
}

// What the release before remembered is taken over once: who leaves afterwards is out, also where an address is shared, and what it had
// rejected comes back with a good row.
func TestWhatTheReleaseBeforeRememberedIsTakenOver(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.earlier()
	p.members(3)
	p.begin(onlyWeb())
	p.caughtUp()
	p.members(3)
	p.row("web", "1", "")
	p.row("web", "6", "moved@example.com")
	p.row("web", "4", "alan@example.com")
	p.caughtUp()
	p.members(4)
	p.stop()
	p.begin(onlyWeb())
	for key := range strings.FieldsSeq("2 4 5 6") {
		p.row("web", key, "")
	}
	p.caughtUp()
	p.members(0)
}

// Rows that change before TikTok was told once more of what was taken over take their old addresses out, too.
func TestRowsThatChangeWhileTheirMembersAreTakenOverLeave(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.earlier()
	p.members(3)
	for key := range strings.FieldsSeq("1 2 5 6") {
		p.row("web", key, "")
	}
	p.begin(onlyWeb())
	p.caughtUp()
	p.members(0)
}
