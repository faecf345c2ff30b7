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
//   - An address that several rows hold is in for as long as one of them, by these rules, has it in.

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

// audience is which rows a sync's audience is made of.
type audience struct {
	name   string
	column string // of the members
	tables []*table
}

func (a *audience) includes(r *row) bool {
	if a.column == "lapsed" {
		return r.lapsed
	}
	return r.optIn
}

// truth is what the audience has to be, with the rows that say so.
func (a *audience) truth() map[digest]string {
	set := map[digest]string{}
	for _, t := range a.tables {
		for id, r := range t.rows {
			for _, d := range r.digests(a.includes(&r)) {
				set[d] += fmt.Sprintf(" %s/%d", t.topic, id)
			}
		}
		for _, r := range t.population {
			for _, d := range r.digests(a.includes(&r)) {
				set[d] = "one of the population"
			}
		}
	}
	return set
}
