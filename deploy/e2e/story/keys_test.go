//go:build e2e

package story

import (
	"fmt"
	"strings"
	"testing"
)

// keysSync is the audiences over the tables of keys.sql as one connector writes them.
const keysSync = `
  - name: streamed-%[1]s
    topics: [%[2]s]
    audience_segment:
      audience: {name: Streamed %[1]s}
      identifiers: {EMAIL_SHA256: email}
      member_when: opted_in
      batch: {linger: 100ms}
  - name: whole-%[1]s
    topics: [%[2]s]
    audience_file:
      audience: {name: Whole %[1]s}
      identifier: {EMAIL_SHA256: email}
      member_when: opted_in
      work_folder: ${WORK_FOLDER}
`

// Rows are known by their keys, in Avro, of every kind; a deleted one may be nothing but its key before a null. Whichever
// way the connector tells of deleted rows, both kinds of audience end with the members SQL knows.
func TestMembersLeaveByTheirKeysHoweverADeleteIsTold(t *testing.T) {
	name := "keys_" + run
	s := newSource(t, name, "keys.sql")
	s.exec(t, "SELECT live(1)")
	kinds := s.rows(t, "SELECT kind FROM kinds")
	connectors := map[string][]string{"envelope": {"envelope.json"}, "tombstone": {"flat.json", `"rewrite"`, `"tombstone"`},
		"both": {"flat.json", `"rewrite"`, `"rewrite-with-tombstone"`}}
	syncs, topics := "", map[string][]string{}
	for way := range connectors {
		for _, kind := range kinds {
			topics["streamed-"+way] = append(topics["streamed-"+way], fmt.Sprintf("%s_%s.%[1]s.keys_%[3]s", name, way, kind))
		}
		syncs += fmt.Sprintf(keysSync, way, strings.Join(topics["streamed-"+way], ", "))
	}
	r := newRelay(t, name, syncs, options{env: []string{"WORK_FOLDER=" + t.TempDir()}})
	r.topics = topics
	t.Cleanup(func() { s.disconnect(t) })
	for way, with := range connectors {
		s.connect(t, with[0], name+"_"+way, with[1:]...)
	}
	r.start()
	s.exec(t, "SELECT live(1001)")
	s.written(t)
	r.caughtUp()
	members := s.rows(t, "SELECT members()")
	for way := range connectors {
		same(t, "streamed, deletes told by "+way, r.members("Streamed "+way, "EMAIL_SHA256"), members)
		r.run("audience", "upload", "--sync", "whole-"+way)
		same(t, "as a whole, deletes told by "+way, r.members("Whole "+way, "EMAIL_SHA256"), members)
		same(t, "rejected rows, deletes told by "+way, r.rejected("streamed-"+way), nil)
	}
	r.noneFailed()
}
