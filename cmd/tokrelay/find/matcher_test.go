package find

import (
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

const newsletter = `
kafka: {brokers: ["127.0.0.1:1"]}
connections: {main: {advertiser_id: "7000000000000000001", access_token: x}}
syncs:
  - name: newsletter
    topic: people
    framing: json
    format: debezium
    before_image: full
    audience_segment: {audience: {name: Newsletter}, identifiers: {EMAIL_SHA256: email}, member_when: opted_in}
`

// A change that leaves the person as it was makes nothing to send, so that it was not found among the rows that wait.
func TestARowThatChangesNothingIsOfItsPersonToo(t *testing.T) {
	c := configOf(t, newsletter)
	schemas, err := c.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := newTracer(&c.Syncs[0], schemas)
	if err != nil {
		t.Fatal(err)
	}
	const person = `{"id":1,"email":"Ada@example.com","opted_in":true}`
	for value, want := range map[string]bool{
		`{"op":"c","before":null,"after":` + person + `}`:                                                  true,
		`{"op":"u","before":` + person + `,"after":` + person + `}`:                                        true,
		`{"op":"c","before":null,"after":{"id":1,"email":"ada@example.com","opted_in":false}}`:             true,
		`{"op":"c","before":null,"after":{"id":1,"email":"bob@example.com","opted_in":true}}`:              false,
		`{"op":"u","before":{"id":1,"email":"bob@example.com","opted_in":true},"after":` + person + `}`:    true,
		`{"op":"c","before":null,"after":{"id":1,"email":"not an address, ada@example.com","opted_in":1}}`: false,
	} {
		q, err := Recognise("ada@example.com", "", nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := newMatcher(q, nil).row(t.Context(), tracer, &pipeline.Record{Topic: "people", Value: []byte(value)}); got != want {
			t.Errorf("%s: got %v, want %v", value, got, want)
		}
	}
}
