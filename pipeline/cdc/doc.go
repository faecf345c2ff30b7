// Package cdc turns a Kafka record into a row change: it reads the framing, gets the writer schema, and reads the row
// with a plan compiled once per writer schema and wanted columns. It knows what Debezium's envelope, its flattened rows
// and the change tables of warehouses look like, and gives every column one exact pipeline.Value. What a column means to
// a sink is left to mapping; what happens to a row that cannot be read, to the router.
//
// In the flow it is between kafka and mapping: Record in, Change out, or a Rejection (the row cannot be read), a
// SkipReason (the record is not a row) or a Trouble (the registry is away, a mapped column is gone).
//
// How a value is read. Schemas come from package registry and are read by package avro: types, and plans that read wanted
// columns in place. Here, a program (program.go, envelope.go, flat.go) recognises what the record is and holds its plans. The
// first records of a schema, and a sample later, are decoded by goavro as well (crosscheck.go, authority.go); a schema on which
// they differ is left to goavro. JSON is scanned by package jsontext and read by the same programs (jsonchange.go, jsonrows.go).
package cdc
