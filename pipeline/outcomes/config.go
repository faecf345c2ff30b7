package outcomes

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says where outcomes are kept.
type Config struct {
	Enabled    bool              `yaml:"enabled" default:"true" doc:"Write how each row ended; false: nothing is written, there is no topic, and the state of dead letters is not known."`
	Topic      string            `yaml:"topic" default:"tokrelay.outcomes" doc:"Topic of outcomes: a record a row, Avro."`
	Create     bool              `yaml:"create" default:"true" doc:"Create the topic when it is missing; false: refuse to start without it."`
	Retention  settings.Duration `yaml:"retention" default:"7d" doc:"How long a topic created here keeps outcomes. Of dead letters that are older the state is not known."`
	Partitions int               `yaml:"partitions" default:"12" doc:"Partitions of a topic created here. The first holds rejected rows and replays. Do not change the number later: a row's outcomes would be in two places."`
}

// Validate reports what is wrong with the settings.
func (c *Config) Validate(at settings.Place) {
	if !pipeline.IsTopicName(c.Topic) {
		at.Key("topic").Problem("must be a topic name: letters, digits, dots, dashes and underscores, 1 to 249", "")
	}
	if c.Retention < settings.Duration(time.Hour) {
		at.Key("retention").Problem("must be at least 1h", "leave it out for the default")
	}
	if c.Partitions < 2 || c.Partitions > 1000 {
		at.Key("partitions").Problem("must be between 2 and 1000", "leave it out for the default")
	}
}
