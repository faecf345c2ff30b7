//go:build synctests

package truth

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
)

// The truth. TikTok's audience is the set of digests of the people in the table: for every row that is there, is a member,
// and can be sent, the digest of each of its addresses. Nothing else is in it:
//
//   - A row that is deleted, by whatever record or mark, or whose person has opted out, is not a member, whatever else it holds.
//   - A row whose last version has no address (NULL, empty, a placeholder such as n/a) has no digest: what it had is out.
//   - A row whose last version holds an address that cannot be read is rejected as a whole: it is a dead letter, none of its
//     addresses is in the audience, and what it had before is out. It comes back with the next version that can be read.
//   - Where updates hold the changed columns alone, and old rows do not hold the others, an address that did not change is known for as
//     long as it is in the audience. An opt-out, a delete or a rejected row takes it out, and it comes back when it is written again.
//   - An address that several rows hold is in for as long as one of them, by these rules, has it in. So is one that several syncs want that
//     fill an audience together.
//   - An address that TikTok itself refuses is not in it.

// cell is the value of a column, with what it means. What writes it knows that: nothing here reads addresses.
type cell struct {
	text   *string // nil: NULL
	means  string  // the address as it is hashed; "" is none
	broken bool    // it cannot be read, and rejects its row
}

// row is a version of a row.
type row struct {
	email, phone  cell
	optIn, lapsed bool
	gone          bool // a column says that it is deleted
	note          int  // a column no sync reads
}

// digests are what TikTok may know of the row's person, by type of identifier.
func (r *row) digests(member bool) (list []digest) {
	if !member || r.gone || r.email.broken || r.phone.broken {
		return nil
	}
	for kind, c := range map[string]cell{"EMAIL_SHA256": r.email, "PHONE_SHA256": r.phone} {
		if c.means != "" {
			list = append(list, digest{kind, sum(c.means)})
		}
	}
	return list
}

func sum(text string) string {
	s := sha256.Sum256([]byte(text))
	return hex.EncodeToString(s[:])
}

// digest is a member of TikTok's set.
type digest struct{ kind, hex string }

// table is the table behind one topic: its rows by their key.
type table struct {
	topic string
	rows  map[int64]row
	keys  []int64 // ever used
	last  int64   // that was changed

	population []row // rows that never change
}

func newTable(topic string) *table { return &table{topic: topic, rows: map[int64]row{}} }

// some is a key of a row that is there.
func (t *table) some(pick func(n int) int) (int64, bool) {
	if len(t.rows) == 0 {
		return 0, false
	}
	ids := slices.Sorted(maps.Keys(t.rows))
	return ids[pick(len(ids))], true
}

// audience is a set of people at TikTok, and the syncs that fill it: who one of them wants is in.
type audience struct {
	name    string
	streams []*stream
}

// stream is a sync, and which rows it takes for members.
type stream struct {
	sync   string
	by     *party // that runs it; nil: it has not begun
	column string // of the members
	tables []*table
	known  map[*table]map[int64]row // the rows as those who read the log know them
}

func newStream(sync, column string, tables []*table) *stream {
	s := &stream{sync: sync, column: column, tables: tables, known: map[*table]map[int64]row{}}
	for _, t := range tables {
		s.known[t] = map[int64]row{}
	}
	return s
}

func (s *stream) includes(r *row) bool {
	if s.column == "lapsed" {
		return r.lapsed
	}
	return r.optIn
}

// truth is what the audience has to be, with the rows that say so.
func (a *audience) truth() map[digest]string {
	set := map[digest]string{}
	for _, s := range a.streams {
		if s.by != nil {
			s.adds(set)
		}
	}
	return set
}

func (s *stream) adds(set map[digest]string) {
	for _, t := range s.tables {
		for id, r := range s.known[t] {
			for _, d := range r.digests(s.includes(&r)) {
				set[d] += fmt.Sprintf(" %s/%d of %s", t.topic, id, s.sync)
			}
		}
		for _, r := range t.population {
			for _, d := range r.digests(s.includes(&r)) {
				set[d] = "one of the population"
			}
		}
	}
}

// hears takes over what a version of a row says to those who read the log; whole: of all its columns.
func (s *stream) hears(t *table, id int64, before, after row, whole bool) {
	known := after
	if !whole {
		was := s.known[t][id]
		if len(was.digests(s.includes(&was))) == 0 {
			was.email, was.phone = cell{}, cell{}
		}
		known.email = was.email.after(before.email, after.email)
		known.phone = was.phone.after(before.phone, after.phone)
	}
	s.known[t][id] = known
}

// after is what is known of a column after a change.
func (c cell) after(before, after cell) cell {
	if (before.text == nil) == (after.text == nil) && (before.text == nil || *before.text == *after.text) {
		return c
	}
	return after
}
