package calls

import (
	"cmp"
	"time"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says what is remembered of API calls, and where.
type Config struct {
	Topic      string            `yaml:"topic" doc:"Topic that every instance writes its calls to, so that the page shows those of all and history survives a restart: tokrelay.calls. Without it calls are remembered in memory alone."`
	Create     *bool             `yaml:"create" doc:"Create the topic when it is missing." default:"true"`
	Retention  settings.Duration `yaml:"retention" doc:"How long a topic created here keeps calls." default:"7d"`
	MaxBytes   settings.Size     `yaml:"max_bytes" doc:"Most bytes of one partition of a topic created here." default:"1GiB"`
	Partitions int               `yaml:"partitions" doc:"Partitions of a topic created here." default:"3"`
	Rate       settings.Size     `yaml:"rate" doc:"Bytes a second of accepted calls that an instance writes whole; of more than that it writes the figures alone. Calls that TikTok did not accept are always whole." default:"256KiB"`
	Memory     settings.Size     `yaml:"memory" doc:"Memory for the last calls of this instance." default:"12MiB"`
}

// WithDefaults fills in what was left out; Topic stays empty.
func (c Config) WithDefaults() Config {
	c.Retention = cmp.Or(c.Retention, settings.Duration(7*24*time.Hour))
	c.MaxBytes = cmp.Or(c.MaxBytes, 1<<30)
	c.Partitions = cmp.Or(c.Partitions, 3)
	c.Rate = cmp.Or(c.Rate, 256<<10)
	c.Memory = cmp.Or(c.Memory, 12<<20)
	return c
}

// Creates reports whether a missing topic is made.
func (c Config) Creates() bool { return c.Create == nil || *c.Create }

// Validate reports what is wrong with the settings.
func (c *Config) Validate(at settings.Place) {
	d := c.WithDefaults()
	if !legalTopic(c.Topic) {
		at.Key("topic").Problem("must be a topic name: letters, digits, dots, dashes and underscores, at most 249", "")
	}
	if d.Retention < settings.Duration(time.Hour) {
		at.Key("retention").Problem("must be at least 1h", "")
	}
	if d.MaxBytes < 16<<20 {
		at.Key("max_bytes").Problem("must be at least 16MiB", "")
	}
	if d.Partitions < 1 || d.Partitions > 1000 {
		at.Key("partitions").Problem("must be between 1 and 1000", "")
	}
	if d.Rate < 16<<10 {
		at.Key("rate").Problem("must be at least 16KiB", "")
	}
	if d.Memory < 1<<20 || d.Memory > 1<<30 {
		at.Key("memory").Problem("must be between 1MiB and 1GiB", "")
	}
}

func legalTopic(name string) bool {
	for _, r := range name {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '.' || r == '_' || r == '-') {
			return false
		}
	}
	return len(name) <= 249 && name != "." && name != ".."
}
