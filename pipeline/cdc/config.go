package cdc

import (
	"cmp"
	"encoding/hex"
	"log/slog"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// Config says how a sync's records are read. It is laid flat into the sync. With its defaults it reads Debezium's envelope,
// its flattened rows and plain rows, framed by a schema registry.
type Config struct {
	Format  string  `yaml:"format" enum:"auto,debezium,flat" default:"auto" doc:"what a record is: Debezium's envelope, or a plain row; auto looks at each record. With debezium, every record with before or after is an envelope, whatever its name, and anything else is rejected"`
	Framing Framing `yaml:"framing" doc:"how the schema id travels; auto looks at each record"`

	Records []string `yaml:"records" doc:"of a topic with several record types, the full names of those to read, as in the schema; others are skipped. A Debezium envelope answers to its own name, its row's, and both without the last part (shop.public.orders)"`

	Operation   *Operation   `yaml:"operation" doc:"plain rows: the column that says what happened to the row; an envelope, which says it itself, stops the sync"`
	DeletedWhen *DeletedWhen `yaml:"deleted_when" doc:"the column that marks a deleted row, of plain rows and of an envelope's new row"`

	BeforeImage string `yaml:"before_image" enum:"auto,full,key_only" default:"auto" doc:"what the old row holds; auto: key_only for PostgreSQL (REPLICA IDENTITY DEFAULT) and rewritten deletes, else full"`

	AfterImage string `yaml:"after_image" enum:"auto,full,changed" default:"auto" doc:"what the new row of an update holds: all columns, or what changed and NULL for the rest; auto: all, and where a connector is not known to write them all, an update with a NULL in a column the sync reads stops it"`

	MissingColumn   Missing `yaml:"missing_column" doc:"a mapped column that a schema does not have: take it for null, reject the row, or stop the sync; not set: stop, but a field does without a column where it has a default or another column"`
	CaseInsensitive bool    `yaml:"case_insensitive" doc:"find columns whatever their case (Oracle, Snowflake and Db2 write upper case)"`

	UnavailablePlaceholder string `yaml:"unavailable_placeholder" default:"__debezium_unavailable_value" doc:"the connector's unavailable.value.placeholder; hex: in front of bytes"`

	Decoder string `yaml:"decoder" enum:"plan,goavro" default:"plan" doc:"goavro decodes everything with goavro alone: slow, for finding faults"`
	Limits  Limits `yaml:"limits" doc:"what a record may cost to read"`

	Tombstones Tombstones   `yaml:"-"`
	Log        *slog.Logger `yaml:"-"`
}

// Tombstones says what a record with a key and without a value is. Behind an envelope's delete it repeats it, on a topic of
// plain rows it is the delete, and once compaction has taken the envelope away it is all that is left of a delete.
type Tombstones uint8

const (
	TombstonesByTopic Tombstones = iota // a delete, unless the topic is known to hold envelopes
	TombstonesDelete                    // a delete of its key, on every topic: for those who know rows by their keys
)

// Limits bound one record. What is beyond them is rejected as too_large.
type Limits struct {
	MaxBytes  settings.Size `yaml:"max_bytes" default:"16MiB" doc:"bytes of a record's value"`
	MaxDepth  int           `yaml:"max_depth" default:"64" doc:"levels of nesting in a value"`
	MaxValues int           `yaml:"max_values" default:"262144" doc:"values in a record: columns, and items of its arrays and maps"`
}

const (
	formatAuto     = "auto"
	formatDebezium = "debezium"
	formatFlat     = "flat"

	beforeAuto    = "auto"
	beforeFull    = "full"
	beforeKeyOnly = "key_only"

	decoderGoavro = "goavro"
)

func (c Config) withLog() Config {
	c.Log = cmp.Or(c.Log, slog.New(slog.DiscardHandler))
	return c
}

// Validate reports what does not fit together.
func (c *Config) Validate(at settings.Place) {
	limits := at.Key("limits")
	within(limits.Key("max_bytes"), int64(c.Limits.MaxBytes), 1<<30, "1GiB")
	within(limits.Key("max_depth"), int64(c.Limits.MaxDepth), 1000, "1000")
	within(limits.Key("max_values"), int64(c.Limits.MaxValues), avro.MaxBlock, "1048576")
	if c.UnavailablePlaceholder == "" {
		at.Key("unavailable_placeholder").Problem("must not be empty", "leave it out unless the connector sets unavailable.value.placeholder")
	}
	if digits, ok := strings.CutPrefix(c.UnavailablePlaceholder, "hex:"); ok {
		if _, err := hex.DecodeString(digits); err != nil || digits == "" {
			at.Key("unavailable_placeholder").Problem("must be hexadecimal digits behind hex:", "copy the connector's unavailable.value.placeholder")
		}
	}
	if c.Format == formatDebezium && c.Operation != nil {
		at.Key("operation").Problem("is for plain rows", "Debezium's envelope says what happened itself; take it out, or set format: flat")
	}
	if c.AfterImage == afterChanged && c.DeletedWhen != nil {
		at.Key("deleted_when").Problem("does not go with after_image: changed, where a row that leaves the column out is neither deleted nor not",
			"for an audience say it as a condition, member_when: deleted_at == nil, and what is remembered counts while the column did not change")
	}
	c.validateRecords(at.Key("records"))
	c.Operation.validate(at.Key("operation"))
	c.DeletedWhen.validate(at.Key("deleted_when"))
}

func within(at settings.Place, n, most int64, text string) {
	if n < 1 || n > most {
		at.Problem("must be between 1 and "+text, "leave it out for the default")
	}
}

// Missing is what to do about a mapped column that a schema does not have.
type Missing string

const (
	missingDefault Missing = "" // stop, or null where the mapping can do without
	missingNull    Missing = "null"
	missingReject  Missing = "reject"
	missingStop    Missing = "stop"
)

// DecodeNode takes YAML's own null as the word.
func (m *Missing) DecodeNode(n *settings.Node, at settings.Place) {
	if n.Kind() == settings.Null {
		*m = missingNull
		return
	}
	switch word := Missing(n.Text()); word {
	case missingNull, missingReject, missingStop:
		*m = word
	default:
		at.Problem("must be null, reject or stop", "")
	}
}

// JSONSchema describes the setting for editors.
func (Missing) JSONSchema() map[string]any {
	return map[string]any{"enum": []any{"null", "reject", "stop", nil}}
}
