// Package mapping takes from a decoded change what a sync's configuration asks for: the columns it needs, the value of
// a field (a column, the first of several, a constant, an expression), the conditions `on` and `when`, and the event id
// made of columns. It is between cdc, which fills the Change, and the sinks, which know what TikTok wants of each
// value: mapping neither validates nor hashes.
//
// Everything is compiled once, at start, against the Columns of the sync. Per row there is a Row, owned by one
// goroutine, and getters that read it: no map, no reflection and no allocation unless an expression or a list of records
// asks for one.
package mapping
