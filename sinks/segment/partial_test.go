package segment

import (
	"slices"
	"strings"
	"testing"

	"github.com/tokrelay/tokrelay/pipeline"
)

// changed is an update that holds the given columns alone: "email=", a value; "email", set to NULL.
func changed(columns ...string) pipeline.Change {
	c := pipeline.Change{Op: pipeline.Update, Partial: true, After: pipeline.Image{Present: true, Values: []pipeline.Value{
		pipeline.UnavailableValue(), pipeline.UnavailableValue(), pipeline.UnavailableValue()}}}
	for _, column := range columns {
		name, value, set := strings.Cut(column, "=")
		v := pipeline.NullValue()
		switch {
		case name == "member":
			v = pipeline.BoolValue(value == "true")
		case set:
			v = text(value)
		}
		c.After.Values[slices.Index([]string{"email", "phone", "member"}, name)] = v
	}
	return c
}

func TestARowOfChangedColumnsLeavesTheOthersAsTheyWere(t *testing.T) {
	ann := pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", phone: "+12133734253", member: true}.image()}
	out := pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", phone: "+12133734253"}.image()}
	for _, c := range []struct {
		name   string
		rows   []pipeline.Change
		emails []string
		phones int
	}{
		{"another column", []pipeline.Change{ann, changed()}, []string{"ann@x.org"}, 1},
		{"the address alone", []pipeline.Change{ann, changed("email=new@x.org")}, []string{"new@x.org"}, 1},
		{"the address set to NULL", []pipeline.Change{ann, changed("email")}, nil, 1},
		{"an opt-out alone", []pipeline.Change{ann, changed("member=false")}, nil, 0},
		{"an opt-out, then the address", []pipeline.Change{ann, changed("member=false"), changed("email=new@x.org")}, nil, 0},
		{"an address of one who is no member", []pipeline.Change{out, changed("email=new@x.org")}, nil, 0},
		{"an opt-in with its identifiers", []pipeline.Change{out, changed("member=true", "email=ann@x.org", "phone=+12133734253")}, []string{"ann@x.org"}, 1},
		{"an opt-in with a part of them", []pipeline.Change{out, changed("member=true", "email=ann@x.org")}, []string{"ann@x.org"}, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, together := range []bool{false, true} {
				s := newScene(t, newsletter)
				if together {
					s.chunk(1, c.rows...)
				} else {
					for _, row := range c.rows {
						s.row(1, row)
					}
				}
				s.holds(c.name, c.emails...)
				if got := len(s.sandbox.Members(s.target)["PHONE_SHA256"]); got != c.phones {
					t.Errorf("phones: got %d, want %d", got, c.phones)
				}
			}
		})
	}
}

// chunk brings rows of one member through the sink together.
func (s *scene) chunk(member int, changes ...pipeline.Change) {
	s.t.Helper()
	var records []pipeline.Record
	for range changes {
		s.next++
		records = append(records, s.record(member, s.next))
	}
	chunk := pipeline.NewChunk(records)
	var items pipeline.Items
	maker := s.sink.plan.Maker()
	for i, c := range changes {
		c.Shape, c.Key = s.shape, records[i].Key
		if err := maker.Make(&items, i, &c); err != nil {
			s.t.Fatalf("make: %v", err)
		}
	}
	if err := s.sink.Deliver(s.t.Context(), chunk, &items); err != nil {
		s.t.Fatalf("deliver: %v", err)
	}
}

func TestAnOptInWhoseIdentifiersAreNotKnownIsRejected(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org"}.image()})
	if got := s.row(1, changed("member=true")); got != pipeline.DeadLettered {
		t.Errorf("got %v, want dead-lettered", got)
	}
	if got, want := s.letters.reasons(), []pipeline.Reason{pipeline.UnavailableValueInRow}; !slices.Equal(got, want) {
		t.Errorf("letters: got %v, want %v", got, want)
	}
}

func TestWhetherARejectedRowIsAMembersIsKnownToTheRowThatCorrectsItsAddress(t *testing.T) {
	ann := pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", member: true}.image()}
	for _, c := range []struct {
		name  string
		wrong []pipeline.Change
		want  []string
	}{
		{"a new row", []pipeline.Change{{Op: pipeline.Insert, After: person{email: "broken", member: true}.image()}}, []string{"ann@x.net"}},
		{"a new row of one who is no member", []pipeline.Change{{Op: pipeline.Insert, After: person{email: "broken"}.image()}}, nil},
		{"an opt-in", []pipeline.Change{{Op: pipeline.Insert, After: person{email: "ann@x.org"}.image()}, changed("member=true", "email=broken")}, []string{"ann@x.net"}},
		{"the address alone", []pipeline.Change{ann, changed("email=broken")}, []string{"ann@x.net"}},
		{"an opt-out", []pipeline.Change{ann, changed("member=false", "email=broken")}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, newsletter)
			for _, row := range c.wrong {
				s.next++
				s.through(s.record(1, s.next), nil, row)
			}
			s.holds("while the address cannot be read")
			s.row(1, changed("email=ann@x.net"))
			s.holds("once it is corrected", c.want...)
		})
	}
}

func TestAnOptOutThatAnEarlierStepRejectsStaysOneWhateverItsNextRowChanges(t *testing.T) {
	s := newScene(t, newsletter)
	s.row(1, pipeline.Change{Op: pipeline.Insert, After: person{email: "ann@x.org", member: true}.image()})
	s.next++
	refuse := func(*pipeline.Change) error {
		return pipeline.Reject(pipeline.StageMap, pipeline.ExpressionFailed, "when", "")
	}
	s.through(s.record(1, s.next), refuse, changed("member=false"))
	s.row(1, changed("email=ann@x.net"))
	s.holds("after the row that changes the address alone")
}

func TestARowOfChangedColumnsThatHoldsAPartOfWhatItNeedsIsRejected(t *testing.T) {
	for _, c := range []struct{ name, config, field string }{
		{"one of two columns of member_when", strings.Replace(newsletter, "member_when: member", "member_when: member && phone != nil", 1), "member_when"},
		{"the address of one of two columns", strings.Replace(newsletter, "EMAIL_SHA256: email", "EMAIL_SHA256: [email, phone]", 1), "identifiers.EMAIL_SHA256"},
		{"a number without its country", strings.Replace(newsletter, "PHONE_SHA256: phone", "PHONE_SHA256: {column: email, default_country: {column: phone}}", 1), "identifiers.PHONE_SHA256"},
		{"no memory", newsletter + "remember: never\n", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScene(t, c.config)
			row := changed("email=ann@x.org", "member=true")
			row.Shape, row.Key = s.shape, []byte("1")
			err := s.sink.plan.Maker().Make(&pipeline.Items{}, 0, &row)
			if r, ok := err.(*pipeline.Rejection); !ok || r.Field != c.field {
				t.Errorf("got %v, want a rejection of %q", err, c.field)
			}
		})
	}
}
