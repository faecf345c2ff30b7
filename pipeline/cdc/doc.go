// Package cdc turns a Kafka record into a row change: it reads the framing, gets the writer schema, and reads the row
// with a plan compiled once per writer schema and wanted columns. It knows what Debezium's envelope, its flattened rows
// and the change tables of warehouses look like, and gives every column one exact pipeline.Value. What a column means to
// a sink is left to mapping; what happens to a row that cannot be read, to the router.
//
// In the flow it stands between kafka and mapping: Record in, Change out, or a Rejection (the row cannot be read), a
// SkipReason (the record is no row) or a Trouble (the registry is away, a mapped column is gone).
//
// How a value is read. A schema is parsed into types (schema.go, parse.go, annotate.go), repaired and shown to goavro
// (repair.go), which must accept it. A program (program.go, envelope.go, flat.go) recognises what the record is and holds a
// row plan (plan.go, made by planner.go) that reads wanted columns in place (run.go, value.go) and passes over the rest
// (pass.go, skip.go). Arrays of records, maps and nested records that are wanted whole are decoded by goavro. The first records
// of a schema, and a sample later, are decoded by both (crosscheck.go, authority.go); a schema on which they differ is left to
// goavro. JSON is scanned into nodes (json.go) and read by the same programs (jsonchange.go, jsonrows.go, jsonschema.go). Which of
// several record types a sync reads is in records.go.
package cdc
