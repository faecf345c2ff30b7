//go:build synctests

package truth

import (
	"flag"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
)

// kind is one way in which a history can be hard.
type kind string

// How the source writes, or that the audience is uploaded as a file: a history has one of these.
const (
	fullImages kind = "full images" // envelopes with full before-images
	keyImages  kind = "key images"  // envelopes of PostgreSQL's default replica identity
	flatRows   kind = "flat rows"   // plain rows; a delete is a tombstone
	rewritten  kind = "rewritten"   // plain rows; a delete is the last row, marked, and nothing behind it
	fileUpload kind = "file upload" // a file audience, uploaded once a day
)

// What happens to the table, the log and the members: a history has any of these.
const (
	compaction     kind = "compaction"        // the log cleaner runs at any time, also where the sync is behind
	vanishing      kind = "vanishing deletes" // it takes the tombstones too, once the sync has read them
	keySchemas     kind = "key schemas"       // the key's schema is registered again: another id in front of equal keys
	keyChanges     kind = "key changes"       // a row's key changes: delete and create, in two partitions
	households     kind = "households"        // rows share addresses
	topics         kind = "topics"            // the sync reads two topics, with the same ids in both
	syncs          kind = "syncs"             // another sync fills another audience from the same rows
	erasures       kind = "erasures"          // an address is written over by nothing: NULL, empty, n/a
	overwriting    kind = "overwriting"       // an address is written over by a word: deleted
	rejected       kind = "rejected rows"     // an address that cannot be read, a bad phone
	softDeletes    kind = "soft deletes"      // a column marks rows as deleted
	badOptOuts     kind = "bad opt-outs"      // a person leaves by a row that could not be sent
	changedColumns kind = "changed columns"   // updates hold the changed columns alone
	together       kind = "two syncs"         // another sync fills the same audience, of the same configuration or of one more
	rivals         kind = "rivals"            // a sync of another kafka.group names the same audience
	resyncing      kind = "resyncs"           // syncs read their topics again from the start, which may have been made again
	widening       kind = "more partitions"   // the topics get more partitions
	refusals       kind = "refused addresses" // TikTok takes some addresses for invalid
	restarts       kind = "restarts"          // members leave in good order and others come
	kills          kind = "kills"             // members are killed
	cuts           kind = "cuts"              // members lose their network for a while
	fences         kind = "fences"            // the broker forgets members whose calls are under way, and others get their partitions
	freezes        kind = "freezes"           // members are frozen for a while, also between the decision to call and the call
	instances      kind = "instances"         // more than one member at a time
	faults         kind = "faults"            // TikTok throttles, fails, and answers after the effect with an error
	late           kind = "late calls"        // TikTok is slow, and does what it was asked though the caller has gone
)

var (
	styles = []kind{fullImages, keyImages, flatRows, rewritten, fileUpload}
	events = []kind{compaction, vanishing, keySchemas, keyChanges, households, topics, syncs, erasures, overwriting, rejected, softDeletes, badOptOuts,
		changedColumns, together, rivals, resyncing, widening, refusals, restarts, kills, cuts, fences, freezes, instances, faults, late}
)

// off are the kinds that are known to end wrong, each with what is still to be mended. -kinds all runs them all the same.
var off = map[kind]string{}

var only = flag.String("kinds", "", "kinds of the histories, by name, separated by commas; all: those known to fail too")

// kinds are the flag's, or all that are not off. Names that are not kinds fail the test.
func kinds(t *testing.T) []kind {
	t.Helper()
	all := slices.Concat(styles, events)
	switch *only {
	case "":
		return slices.DeleteFunc(all, func(k kind) bool { return off[k] != "" })
	case "all":
		return all
	}
	var list []kind
	for name := range strings.SplitSeq(*only, ",") {
		k := kind(strings.TrimSpace(name))
		if !slices.Contains(all, k) {
			t.Fatalf("%q is not a kind of history: they are %q", k, all)
		}
		list = append(list, k)
	}
	return list
}

// traits are what one history is made of.
type traits struct {
	style kind
	has   map[kind]bool
}

// someOf chooses a style and about half of the rest; all of it where the flag names them.
func someOf(list []kind, r *rand.Rand) traits {
	t := traits{has: map[kind]bool{}}
	var possible []kind
	for _, k := range list {
		if slices.Contains(styles, k) {
			possible = append(possible, k)
		} else if *only != "" && *only != "all" || r.IntN(2) == 0 {
			t.has[k] = true
		}
	}
	if len(possible) == 0 {
		possible = []kind{fullImages}
	}
	t.style = possible[r.IntN(len(possible))]
	if t.style == fileUpload && r.IntN(3) > 0 { // days cost more than minutes
		t.style = possible[r.IntN(len(possible))]
	}
	t.leaveOut()
	return t
}

// leaveOut takes out what a style promises its users not to do, or what no log could tell of:
//
//   - A tombstone that vanished leaves rows under another key of the same row, if there are any, as if they had not been
//     deleted.
//   - Rows of changed columns go with envelopes; deleted_when does not go with them, nor do plain rows, and a file audience wants full
//     before-images. Unless the old rows are whole, what compaction took before it was read no row says again.
//   - Who left while another sync filled the audience, and is no longer in the log, stays with a sync that takes it over. It is the only
//     audience that changes hands.
//   - A log whose rows have moved to other partitions is not read again from the start: no one knows the order of two partitions.
//   - A file audience has no consumers that could be cut off from each other: one member makes the upload.
func (t *traits) leaveOut() {
	if t.has[keySchemas] {
		t.drop(vanishing)
	}
	if t.style == flatRows || t.style == rewritten {
		t.drop(changedColumns)
	}
	if t.has[changedColumns] {
		t.drop(softDeletes)
	}
	if t.has[changedColumns] && t.style == keyImages {
		t.drop(compaction, vanishing)
	}
	if t.has[together] {
		t.drop(rivals)
	}
	if t.has[rivals] {
		t.drop(vanishing, syncs)
	}
	if t.has[rivals] || t.has[together] || t.has[resyncing] {
		t.drop(widening)
	}
	if t.style == fileUpload {
		t.drop(together, rivals, resyncing, widening, refusals, syncs, cuts, fences, freezes, late)
	}
}

func (t *traits) drop(list ...kind) {
	for _, k := range list {
		delete(t.has, k)
	}
}

// String lists them, for a test that fails.
func (t *traits) String() string {
	names := []string{string(t.style)}
	for _, k := range events {
		if t.has[k] {
			names = append(names, string(k))
		}
	}
	return strings.Join(names, ",")
}
