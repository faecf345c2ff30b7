package deadletter

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Note is what a replay leaves with the mark of its progress, so that later ones know which letters it has done: those
// its filter chooses, or letters one by one. It names no key: a key may be an e-mail address, and its digest is no better.
type Note struct {
	Since   time.Time `json:"since,omitzero"`
	Reasons []string  `json:"reasons,omitempty"`
	Classes []string  `json:"classes,omitempty"`
	Fields  []string  `json:"fields,omitempty"`
	Topics  []string  `json:"topics,omitempty"`
	Batch   string    `json:"batch,omitempty"`
	EventID string    `json:"event_id,omitempty"`
	Single  string    `json:"letters,omitempty"` // their offsets
}

// MostNote is how long a note's text may be: Kafka takes 4096 bytes by default.
const MostNote = 3500

// NoteOf is the note of a filter without its syncs, and whether it can tell the letters: a filter by key or by places cannot.
// Where the filter's time ends is left out: the mark does not go beyond it.
func NoteOf(f *Filter) (n Note, tells bool) {
	sorted := func(list []string) []string { return slices.Sorted(slices.Values(list)) }
	n = Note{Since: f.Since.UTC(), Reasons: sorted(f.Reasons), Classes: sorted(f.Classes), Fields: sorted(f.Fields), Topics: sorted(f.Topics),
		Batch: f.Batch, EventID: f.EventID}
	return n, f.Key == nil && len(f.Rows) == 0
}

// Filter chooses the letters the note tells of.
func (n *Note) Filter() *Filter {
	return &Filter{Since: n.Since, Reasons: n.Reasons, Classes: n.Classes, Fields: n.Fields, Topics: n.Topics, Batch: n.Batch, EventID: n.EventID}
}

// Text is the note as a mark carries it; "" of a filter that chooses every letter.
func (n *Note) Text() string {
	text, _ := json.Marshal(n) // texts and a time always encode
	if string(text) == "{}" {
		return ""
	}
	return string(text)
}

// ParseNote reads a note. One it does not know is an error: its writer meant other letters than can be told here.
func ParseNote(text string) (n Note, err error) {
	if text != "" {
		if err := json.Unmarshal([]byte(text), &n); err != nil {
			return n, fmt.Errorf("read the note of a replay: %w", err)
		}
	}
	return n, nil
}

// SetSingle notes letters one by one. The offsets have to be sorted.
func (n *Note) SetSingle(offsets []int64) {
	var b []byte
	last := int64(0)
	for _, at := range offsets {
		b = binary.AppendUvarint(b, uint64(at-last))
		last = at
	}
	n.Single = base64.RawURLEncoding.EncodeToString(b)
}

// Singles are the offsets SetSingle noted.
func (n *Note) Singles() (offsets []int64) {
	b, _ := base64.RawURLEncoding.DecodeString(n.Single) // as far as it can be read
	last := int64(0)
	for len(b) > 0 {
		delta, size := binary.Uvarint(b)
		if size <= 0 {
			break
		}
		b, last = b[size:], last+int64(delta)
		offsets = append(offsets, last)
	}
	return offsets
}
