package cdc

import (
	"slices"
	"strings"

	"github.com/tokrelay/tokrelay/pipeline/cdc/avro"
	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// picks reports whether the sync reads records of a type. Without `records` it reads all.
func (c *Config) picks(t *avro.Type) bool {
	if len(c.Records) == 0 {
		return true
	}
	return slices.ContainsFunc(recordNames(t), func(name string) bool { return slices.Contains(c.Records, name) })
}

// recordNames are the names a record type answers to: its full name; of an envelope, that of its row too; and of Debezium's
// names, which end in Envelope or Value, what is before that: the table.
func recordNames(t *avro.Type) (names []string) {
	for _, name := range []string{t.Name, imageName(t, "after"), imageName(t, "before")} {
		if name == "" {
			continue
		}
		names = append(names, name)
		for _, end := range []string{".Envelope", ".Value"} {
			if table, ok := strings.CutSuffix(name, end); ok {
				names = append(names, table)
			}
		}
	}
	return names
}

func imageName(t *avro.Type, field string) string {
	image, ok := t.Field(field)
	if !ok {
		return ""
	}
	image, _, _ = image.Nullable()
	return image.Name
}

// Subjects are the registry's subjects where a topic's value schemas may be: named by the topic, and for a topic with several
// record types by topic and record, or by record.
func (c *Config) Subjects(topic string) []string {
	subjects := []string{topic + "-value"}
	for _, name := range c.Records {
		for _, record := range []string{name, name + ".Envelope", name + ".Value"} {
			subjects = append(subjects, topic+"-"+record, record)
		}
	}
	return subjects
}

func (c *Config) validateRecords(at settings.Place) {
	for i, name := range c.Records {
		switch {
		case strings.TrimSpace(name) != name || name == "":
			at.Index(i).Problem("must be the full name of a record type", "as in the schema: its namespace, a dot and its name")
		case slices.Contains(c.Records[:i], name):
			at.Index(i).Problem("is named twice", "take one of them out")
		}
	}
}
