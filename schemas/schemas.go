// Package schemas holds the Avro schemas tokrelay ships: the demo's source tables as Debezium registers them. They are
// files so that people can read them, and embedded so that the binary needs nothing next to it.
package schemas

import (
	"embed"
	"fmt"
)

//go:embed demo/*.avsc
var files embed.FS

// Demo is the schema text of one of the demo's tables: part is "key" or "value".
func Demo(table, part string) string {
	text, err := files.ReadFile("demo/" + table + "-" + part + ".avsc")
	if err != nil {
		panic(fmt.Sprintf("schemas: %v", err)) // the name is a constant of the caller
	}
	return string(text)
}
