package audience

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/tokrelay/tokrelay/pipeline"
)

// Modes an audience is filled by.
const (
	Owned   = "owners" // row by row, by the owners of rows and digests
	File    = "file"
	segment = "segment" // row by row, in versions before that
)

// Binding is what a sync is bound to, as a document of the state topic keeps it.
type Binding struct {
	Mode       string            `json:"mode,omitempty"`
	Name       string            `json:"name,omitempty"`    // configured, uncut; "" where an id is configured
	IDs        map[string]string `json:"ids,omitempty"`     // by advertiser
	Generation uint64            `json:"generation"`        // grows with every full resync
	Takes      bool              `json:"takes,omitempty"`   // since a resync: the sync takes over an audience that another filled
	Topics     []string          `json:"topics,omitempty"`  // its members are known by, in a streamed audience; none where a pattern finds them
	Forgets    bool              `json:"forgets,omitempty"` // versions before this one were told to remember no member
}

// Key is the document's key; name is that of an audience that rows name, "" the sync's own.
func Key(sync, name string) string {
	if name == "" {
		return "audience/" + sync
	}
	return "audience/" + sync + "/" + name
}

// MembersKey is where it is remembered that the sync's members are: its topic of members is lost if it has no record then.
func MembersKey(sync string) string { return "members/" + sync }

// ParseBinding reads a document; without a document there is none.
func ParseBinding(document []byte) (b Binding, err error) {
	if len(document) == 0 {
		return b, nil
	}
	if err := json.Unmarshal(document, &b); err != nil {
		return b, fmt.Errorf("read what the sync's audience is: the state topic holds something else")
	}
	return b, nil
}

// Document is the binding as it is stored.
func (b Binding) Document() []byte {
	text, _ := json.Marshal(b) // strings and a number always encode
	return text
}

// allows checks what the configuration wants against what the sync is bound to. The trouble names the way out. A file replaces
// its audience whole, so it may go to another one as it likes.
func (b *Binding) allows(sync string, want Binding) *pipeline.Trouble {
	switch {
	case b.Mode == "":
		return nil
	case b.Mode != want.Mode && !(b.IsEarlier() && want.Mode == Owned):
		return Stop("the sync filled its audience by %s and is now configured for %s: run `tokrelay resync --sync %s`, which sends every member again", modeName(b.Mode), modeName(want.Mode), sync)
	case b.Forgets:
		return Stop("the sync has filled its audience without remembering members, which this version does: run `tokrelay resync --sync %s`, which reads every member again", sync)
	case b.left(want) != "":
		return Stop("the members of the audience are remembered by topic %s, which the sync reads no more: if it has another name now, or another connector writes it, run `tokrelay resync --sync %s`, which takes them over; "+
			"else read it again", b.left(want), sync)
	case b.Mode != File && !b.same(want):
		return Stop("the audience of a sync cannot be changed once it has run: make a new sync, or run `tokrelay resync --recreate --sync %s`, which fills the new audience from the start and leaves the old one as it is", sync)
	}
	return nil
}

// modeName is a mode in the words of the configuration.
func modeName(mode string) string {
	if mode == Owned {
		return segment
	}
	return mode
}

// left is a topic that members are remembered by and the configuration does not name any more, "" where there is none.
func (b *Binding) left(want Binding) string {
	for _, topic := range b.Topics {
		if len(want.Topics) > 0 && !slices.Contains(want.Topics, topic) {
			return topic
		}
	}
	return ""
}

// same reports whether both mean one audience: of a name, or of ids where there is none.
func (b *Binding) same(want Binding) bool {
	return b.Name == want.Name && (want.Name != "" || maps.Equal(b.IDs, want.IDs))
}

// Stop is trouble with an audience that waits for someone to act.
func Stop(format string, args ...any) *pipeline.Trouble {
	return &pipeline.Trouble{Kind: pipeline.TroubleAudience, What: fmt.Sprintf(format, args...), Stop: true}
}

// IsEarlier reports whether an earlier version filled the audience, and what it remembered of members is to be taken over.
func (b *Binding) IsEarlier() bool { return b.Mode == segment }

// resync is the binding after a full resync: everything remembered of members is of an older generation. A change of mode
// is allowed then; another audience only where recreate is said.
func (b Binding) resync(mode string, recreate bool) Binding {
	next := Binding{Generation: b.Generation + 1, Takes: true}
	if (b.Mode == mode || b.IsEarlier() && mode == Owned) && !recreate {
		next.Mode, next.Name, next.IDs = b.Mode, b.Name, b.IDs
	}
	return next
}
