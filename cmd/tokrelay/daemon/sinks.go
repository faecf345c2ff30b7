package daemon

import (
	"fmt"
	"strings"
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/mapping"
	"github.com/tokrelay/tokrelay/pipeline/settings"
	"github.com/tokrelay/tokrelay/sinks/audiencefile"
	"github.com/tokrelay/tokrelay/sinks/events"
	"github.com/tokrelay/tokrelay/sinks/segment"
)

// Kinds of sinks, as metrics and dead letters name them.
const (
	KindEvents  = "events"
	KindSegment = "segment"
	KindFile    = "audiencefile"
)

// Maker turns one change into items, for one goroutine.
type Maker interface {
	Make(items *pipeline.Items, row int, c *pipeline.Change) error
}

// sinkPlan is a sink compiled for a sync: what the daemon and preview need of every kind alike.
type sinkPlan struct {
	newMaker      func() Maker
	endpoint      string
	appendRequest func(dst []byte, envelope string, bodies [][]byte) []byte
	maxItems      int
	maxBytes      int
	linger        time.Duration
	destination   func(envelope string) string // where an envelope goes, in words
	misdirected   pipeline.Reason              // of rows that chose a refused one; "" where the configuration chooses
	window        int                          // chunks in flight per partition: 0 for the default, 1 where the order counts
	gate          mapping.On                   // which operations are sent unless the sync says otherwise

	previewMaker func() Maker                                       // nil: newMaker
	line         func(envelope string, body []byte) ([]byte, error) // an item as preview prints it; nil: its body
	net          func(*pipeline.Items) (*pipeline.Items, error)     // what preview's items come to together; nil: themselves
	events       *events.Plan
	segment      *segment.Plan      // of an audience that is streamed
	file         *audiencefile.Plan // of an audience that is replaced whole
}

// Kind is the kind of the sync's sink, "" when it has none.
func (s *Sync) Kind() string {
	switch {
	case s.WebEvents != nil:
		return KindEvents
	case s.AudienceSegment != nil:
		return KindSegment
	case s.AudienceFile != nil:
		return KindFile
	}
	return ""
}

func (s *Sync) validateSink(at settings.Place) {
	var given []string
	if s.WebEvents != nil {
		given = append(given, "web_events")
		s.WebEvents.Validate(at.Key("web_events"))
		s.On.Validate(mapping.EventDefaults, at.Key("on"))
	}
	if s.AudienceSegment != nil {
		given = append(given, "audience_segment")
		s.AudienceSegment.Validate(at.Key("audience_segment"))
		s.On.Validate(mapping.AllOps, at.Key("on"))
	}
	if s.AudienceFile != nil {
		given = append(given, "audience_file")
		s.AudienceFile.Validate(at.Key("audience_file"))
		s.On.Validate(mapping.AllOps, at.Key("on"))
	}
	switch {
	case len(given) > 1:
		at.Key(given[1]).Problem("a sync has one destination, and this one has "+strings.Join(given, " and "), "make a second sync of the same topic, with a name of its own, and move "+given[1]+" there")
	case len(given) == 0:
		at.Problem("has no destination", "web_events: sends rows as events; audience_segment: streams an audience; audience_file: replaces one on a schedule")
	}
	s.validatePartial(at.Key("after_image"))
}

// validatePartial refuses rows of changed columns where nothing remembers the others.
func (s *Sync) validatePartial(at settings.Place) {
	if s.AfterImage == "changed" && s.Kind() == KindFile && s.BeforeImage != "full" {
		at.Problem("cannot be changed for a file audience, which is made of the last row of each key alone",
			"use audience_segment, which remembers the other columns' identifiers; or have the connector write whole old rows and set before_image: full")
	}
}

// compile makes the sync's sink plan; cols learns the columns it reads.
func (s *Sync) compile(cols *mapping.Columns, now func() time.Time, m *Metrics) (*sinkPlan, error) {
	switch s.Kind() {
	case KindEvents:
		return compileEvents(s.WebEvents, cols, now, m)
	case KindSegment:
		return s.compileSegment(cols, now, m)
	case KindFile:
		return s.compileFile(cols, now)
	}
	return nil, fmt.Errorf("sync %s has no sink", s.Name)
}

func compileEvents(cfg *events.Config, cols *mapping.Columns, now func() time.Time, m *Metrics) (*sinkPlan, error) {
	plan, err := events.New(*cfg, cols, now, m.events)
	if err != nil {
		return nil, err
	}
	maxItems, maxBytes := plan.Limits()
	return &sinkPlan{
		gate: mapping.EventDefaults, events: plan,
		newMaker: func() Maker { return plan.Maker() },
		endpoint: events.Endpoint, appendRequest: plan.AppendRequest, destination: events.Destination, misdirected: plan.Misdirected(),
		maxItems: maxItems, maxBytes: maxBytes, linger: cfg.Batch.Linger.Std(),
	}, nil
}

func (s *Sync) compileSegment(cols *mapping.Columns, now func() time.Time, m *Metrics) (*sinkPlan, error) {
	options := segment.Options{AdvertiserID: s.advertiser, Changed: s.AfterImage == "changed"}
	plan, err := segment.New(*s.AudienceSegment, options, cols, now, m.rows)
	if err != nil {
		return nil, err
	}
	maxItems, maxBytes := plan.Limits()
	return &sinkPlan{
		gate: mapping.AllOps, window: 1, segment: plan,
		newMaker: func() Maker { return plan.Maker() }, previewMaker: func() Maker { return plan.NewPreview() },
		endpoint: segment.Endpoint, appendRequest: plan.AppendRequest, destination: plan.Destination, misdirected: plan.Misdirected(), line: plan.Line, net: plan.Net,
		maxItems: maxItems, maxBytes: maxBytes, // no linger: the owners of digests wait for others
	}, nil
}

func (s *Sync) compileFile(cols *mapping.Columns, now func() time.Time) (*sinkPlan, error) {
	plan, err := audiencefile.New(*s.AudienceFile, cols, now)
	if err != nil {
		return nil, err
	}
	return &sinkPlan{gate: mapping.AllOps, file: plan, newMaker: func() Maker { return plan.Maker() }}, nil
}
