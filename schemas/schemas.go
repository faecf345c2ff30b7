// Package schemas holds the Avro schemas tokrelay ships: of outcomes, of the records it keeps in Kafka for streamed audiences, and the
// demo's source tables as Debezium registers them. They are files so that people can read them, and embedded so that the
// binary needs nothing next to it.
package schemas

import (
	"embed"
	"fmt"
)

//go:embed outcome.avsc demo/*.avsc owned/*.avsc
var files embed.FS

// Demo is the schema text of one of the demo's tables: part is "key" or "value".
func Demo(table, part string) string { return text("demo/" + table + "-" + part) }

// Owned is the schema text of a record of a streamed audience's topics: "assertion", "member", "sweep", "claim-key" or
// "claim". The records are Avro in binary, without a schema's id before them.
func Owned(record string) string { return text("owned/" + record) }

// Outcome is the schema text of how a row ended: a record of the topic of outcomes.
func Outcome() string { return text("outcome") }

func text(name string) string {
	text, err := files.ReadFile(name + ".avsc")
	if err != nil {
		panic(fmt.Sprintf("schemas: %v", err)) // the name is a constant of the caller
	}
	return string(text)
}
