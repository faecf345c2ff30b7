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

func tracerOf(t *testing.T, config string) *tracer {
	t.Helper()
	c := configOf(t, config)
	schemas, err := c.Schemas()
	if err != nil {
		t.Fatal(err)
	}
	tracer, err := newTracer(&c.Syncs[0], schemas)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

// What the rows before had sent of a member was remembered: a second row of the key that says the same was not found among those that wait,
// and would be skipped.
func TestEachRowIsLookedAtForItself(t *testing.T) {
	tracer := tracerOf(t, newsletter)
	q, err := Recognise("ada@example.com", "", nil)
	if err != nil {
		t.Fatal(err)
	}
	const ada, bob = `{"id":1,"email":"Ada@example.com","opted_in":true}`, `{"id":1,"email":"bob@example.com","opted_in":true}`
	for _, c := range []struct {
		value string
		found bool
		today string
	}{
		{`{"op":"c","before":null,"after":` + ada + `}`, true, "sent"},
		{`{"op":"c","before":null,"after":` + ada + `}`, true, "sent"},
		{`{"op":"u","before":` + ada + `,"after":` + ada + `}`, true, "sent"},
		{`{"op":"c","before":null,"after":` + bob + `}`, false, "sent"},
		{`{"op":"u","before":` + ada + `,"after":` + bob + `}`, true, "sent"},
		{`{"op":"u","before":` + bob + `,"after":` + ada + `}`, true, "sent"},
		{`{"op":"c","before":null,"after":{"id":1,"email":"ada@example.com","opted_in":false}}`, true, "skipped: `member_when: opted_in` is false"},
	} {
		r := &pipeline.Record{Topic: "people", Key: []byte(`{"id":1}`), Value: []byte(c.value)}
		if got := newMatcher(q, nil).row(t.Context(), tracer, r); got != c.found {
			t.Errorf("%s: found: %v, want %v", c.value, got, c.found)
		}
		if out, err := tracer.trace(t.Context(), r); err != nil || out.words() != c.today {
			t.Errorf("%s: got %v, %v, want %s", c.value, out, err, c.today)
		}
	}
}
