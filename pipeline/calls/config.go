package calls

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says what is remembered of API calls, and where.
type Config struct {
	Topic      string            `yaml:"topic" doc:"Topic that every instance writes its calls to, so that the page shows those of all and history survives a restart: tokrelay.calls. Without it calls are remembered in memory alone."`
	Create     bool              `yaml:"create" doc:"Create the topic when it is missing." default:"true"`
	Retention  settings.Duration `yaml:"retention" doc:"How long a topic created here keeps calls." default:"7d"`
	MaxBytes   settings.Size     `yaml:"max_bytes" doc:"Most bytes of one partition of a topic created here." default:"1GiB"`
	Partitions int               `yaml:"partitions" doc:"Partitions of a topic created here." default:"3"`
	Rate       settings.Size     `yaml:"rate" doc:"Bytes a second of accepted calls that an instance writes whole; of more than that it writes the figures alone. Calls that TikTok did not accept are always whole." default:"256KiB"`
	Memory     settings.Size     `yaml:"memory" doc:"Memory for the last calls of this instance." default:"12MiB"`
}

// Validate reports what is wrong with the settings.
func (c *Config) Validate(at settings.Place) {
	if c.Topic != "" && !pipeline.IsTopicName(c.Topic) {
		at.Key("topic").Problem("must be a topic name: letters, digits, dots, dashes and underscores, at most 249", "")
	}
	if c.Retention < settings.Duration(time.Hour) {
		at.Key("retention").Problem("must be at least 1h", "leave it out for the default")
	}
	if c.MaxBytes < 16<<20 {
		at.Key("max_bytes").Problem("must be at least 16MiB", "leave it out for the default")
	}
	if c.Partitions < 1 || c.Partitions > 1000 {
		at.Key("partitions").Problem("must be between 1 and 1000", "leave it out for the default")
	}
	if c.Rate < 16<<10 {
		at.Key("rate").Problem("must be at least 16KiB", "leave it out for the default")
	}
	if c.Memory < 1<<20 || c.Memory > 1<<30 {
		at.Key("memory").Problem("must be between 1MiB and 1GiB", "leave it out for the default")
	}
}
