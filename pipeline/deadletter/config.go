package deadletter

import (
	"time"

	"github.com/tokrelay/tokrelay/pipeline"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config names the topics and says what they hold.
type Config struct {
	RejectedTopic string            `yaml:"rejected_topic" doc:"Topic of rejected rows." default:"tokrelay.rejected"`
	FailedTopic   string            `yaml:"failed_topic" doc:"Topic of batches that failed as a whole." default:"tokrelay.failed"`
	Create        bool              `yaml:"create" doc:"Create the topics when they are missing; false: refuse to start without them." default:"true"`
	Payload       string            `yaml:"payload" doc:"full keeps the row's key, value and headers; none keeps only its position, and replay reads the source." enum:"full,none" default:"full"`
	Retention     settings.Duration `yaml:"retention" doc:"How long a topic created here keeps its records." default:"14d"`
	Partitions    int               `yaml:"partitions" doc:"Partitions of a topic created here; 0: as many as the largest source topic has, at least 3." default:"0"`
	Replication   int               `yaml:"replication" doc:"Replicas of the topics that tokrelay creates, those of state, members and calls too; 0: 3, or as many as there are brokers. With 3 or more, min.insync.replicas is 2." default:"0"`
	HeaderBudget  settings.Size     `yaml:"header_budget" doc:"Most bytes of the headers added to a row; messages are cut first." default:"8KiB"`
}

const (
	payloadFull = "full"
	payloadNone = "none"
)

// Validate reports what is wrong with the settings.
func (c *Config) Validate(at settings.Place) {
	if c.RejectedTopic == c.FailedTopic {
		at.Key("failed_topic").Problem("must be another topic than rejected_topic", "")
	}
	checkTopic(at.Key("rejected_topic"), c.RejectedTopic)
	checkTopic(at.Key("failed_topic"), c.FailedTopic)
	if c.Payload != payloadFull && c.Payload != payloadNone {
		at.Key("payload").Problem("must be full or none", "")
	}
	if c.Retention < settings.Duration(time.Hour) {
		at.Key("retention").Problem("must be at least 1h", "rows older than that cannot be replayed")
	}
	if c.Partitions < 0 || c.Partitions > 10000 {
		at.Key("partitions").Problem("must be between 0 and 10000", "")
	}
	if c.Replication < 0 || c.Replication > 100 {
		at.Key("replication").Problem("must be between 0 and 100", "")
	}
	if c.HeaderBudget < 2<<10 || c.HeaderBudget > 256<<10 {
		at.Key("header_budget").Problem("must be between 2KiB and 256KiB", "leave it out for the default")
	}
}

func checkTopic(at settings.Place, name string) {
	if !pipeline.IsTopicName(name) {
		at.Problem("must be a topic name: letters, digits, dots, dashes and underscores, 1 to 249", "")
	}
}
