package debugger

import (
	"slices"
	"testing"

	"github.com/tokrelay/tokrelay/cmd/tokrelay/daemon"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/sinks/audience/member"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

func TestCountriesAreThoseOfAllKindsOfSync(t *testing.T) {
	phone := func(c mapping.Country) *events.Config {
		return &events.Config{Fields: events.Fields{"user.email": {}, "user.phone": {Field: mapping.Field{Country: &c}}}}
	}
	c := &daemon.Config{Syncs: []daemon.Sync{{WebEvents: phone(mapping.Country{Code: "US"})}, {WebEvents: phone(mapping.Country{Column: "country", Default: "DE"})},
		{WebEvents: phone(mapping.Country{Column: "country"})}, {AudienceSegment: &segment.Config{Rules: member.Rules{DefaultCountry: "FR"}}},
		{AudienceFile: &audiencefile.Config{Rules: member.Rules{DefaultCountry: "US"}}}}}
	var got []string
	for _, country := range countriesOf(c) {
		got = append(got, country.String())
	}
	if want := []string{"US", "DE", "FR"}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
