// Package registry finds writer schemas by the id that a record names: in a schema registry, in a folder of files, by
// fingerprint. It keeps what it has found and waits for what may still come. What a schema means is left to package avro.
package registry
