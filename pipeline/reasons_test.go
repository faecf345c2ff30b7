package pipeline

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the documentation of reasons again")

const reasonsPage = "../docs/operations/reasons.md"

func TestReasonsAndTheirDocumentationAreEqual(t *testing.T) {
	want := reasonsText()
	if *update {
		if err := os.WriteFile(reasonsPage, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(reasonsPage)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("%s differs from the table in reasons.go; run go test ./pipeline -update", reasonsPage)
	}
}

func TestEveryReasonIsExplainedAndUnique(t *testing.T) {
	seen := map[Reason]bool{}
	for _, r := range Reasons() {
		info := r.Info()
		if seen[r] || info.Meaning == "" || info.Cause == "" || info.Cure == "" || info.Class == "" {
			t.Errorf("%s: repeated %v, info %+v", r, seen[r], info)
		}
		seen[r] = true
	}
}

func reasonsText() string {
	var b strings.Builder
	b.WriteString(`# Why rows are rejected

Every rejected row carries one of these reasons: in the header ` + "`tokrelay.dlq.reason`" + ` of its dead letter, in
` + "`tokrelay_rows_rejected_total{reason}`" + `, in ` + "`tokrelay dlq list`" + `, on the page and in ` + "`tokrelay preview`" + `. The list is closed; this
page is written from the table in ` + "`pipeline/reasons.go`" + ` and a test keeps them equal. After the cure, send the row again with
` + "`tokrelay dlq replay`" + `.

The class says who refused: *unreadable* bytes, rows *invalid* by our checks before sending, rows *rejected* by TikTok, and
rows of batches that *failed* after retries.
`)
	for _, r := range Reasons() {
		i := r.Info()
		fmt.Fprintf(&b, "\n## %s\n\n*%s.* %s.\n\n- **Usual cause:** %s.\n- **Cure:** %s.\n", r, i.Class, upper(i.Meaning), i.Cause, i.Cure)
	}
	b.WriteString(`
# Why rows are skipped

A skipped row is settled and has no dead letter: nothing is wrong with it. It is counted in ` + "`tokrelay_rows_skipped_total{reason}`" + `.
This list is closed, too.

| reason | what it is |
|---|---|
`)
	for _, s := range SkipReasons {
		fmt.Fprintf(&b, "| `%s` | %s |\n", string(s), skipMeanings[s])
	}
	return b.String()
}

// skipMeanings say why a row was skipped, for the documentation.
var skipMeanings = map[SkipReason]string{
	SkipTombstone:       "the null value that Debezium writes after a delete, or one that names no member the sync knows",
	SkipHeartbeat:       "a mark of time: Debezium's heartbeats, CockroachDB's resolved messages",
	SkipTransaction:     "Debezium's records of transactions",
	SkipSchemaChange:    "a changed table: Debezium's schema changes, control records of AWS DMS",
	SkipMessage:         "a logical decoding message, a notification or a signal",
	SkipTruncate:        "a table was emptied in one record, without its rows; a warning is logged",
	SkipRecordType:      "the topic holds several record types, and the sync's `records` does not name this one",
	SkipOperation:       "the sync's `on` skips the operation",
	SkipIgnored:         "the operation is one of `operation.ignore`",
	SkipFiltered:        "the sync's `when` is false",
	SkipUnmapped:        "`event.map` has no entry for the row's name, and `unmapped` says skip",
	SkipNoConsent:       "the answer in the row's `consent` is not one that allows it",
	SkipNoChange:        "an audience row whose membership and identifiers are as before",
	SkipNotMember:       "an audience row that was not a member and is none",
	SkipNoIdentifier:    "an audience row without identifiers: all NULL, blank or placeholders such as a zero advertising id; `require_identifier: true` has such rows rejected",
	SkipSuperseded:      "a later row of the same member in the same batch decides",
	SkipDuplicateReplay: "a replayed row that a newer change of the member has overtaken",
	SkipGone:            "a dead letter that is replayed, whose row neither the letter nor its source has any more",
	SkipBeforeImage:     "the image before an update, which a later row completes",
}

func TestEverySkipReasonIsExplained(t *testing.T) {
	for _, s := range SkipReasons {
		if skipMeanings[s] == "" {
			t.Errorf("%s has no meaning", string(s))
		}
	}
	if len(skipMeanings) != len(SkipReasons) {
		t.Errorf("%d reasons are explained, want %d", len(skipMeanings), len(SkipReasons))
	}
}

func upper(s string) string { return strings.ToUpper(s[:1]) + s[1:] }
