package pipeline

import "slices"

// Note is what became of a value that is not sent as the row has it. It names the field and the reason, never the value.
type Note struct {
	Field string `json:"field"`
	What  string `json:"what"`
	Why   string `json:"why"`
}

// What became of a value.
const (
	Changed   = "changed"
	LeftOut   = "left out"
	Defaulted = "defaulted"
	Redacted  = "redacted"
	Elsewhere = "taken from elsewhere"
	Doubtful  = "doubtful" // it is sent so, but hardly meant so
)

// Notes collect what a preview tells of a row. A nil *Notes takes none: where rows are sent, they cost nothing.
type Notes struct{ List []Note }

// Add adds a note, once.
func (n *Notes) Add(field, what, why string) {
	if n == nil {
		return
	}
	note := Note{field, what, why}
	if slices.Contains(n.List, note) {
		return
	}
	n.List = append(n.List, note)
}
