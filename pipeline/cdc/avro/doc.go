// Package avro reads what a writer schema describes: it parses the schema into types (schema.go, parse.go, annotate.go),
// repairs it and shows it to goavro (repair.go), which must accept it, and compiles a plan for the wanted columns (planner.go,
// plan.go) that reads them in place (run.go, value.go) and passes over the rest (pass.go, skip.go). Arrays of records, maps and
// nested records that are wanted whole are decoded by goavro (native.go). A plan reads rows in JSON, too (jsonvalue.go).
//
// What a record is, an envelope or a row, is left to package cdc; where schemas come from, to package registry.
package avro
