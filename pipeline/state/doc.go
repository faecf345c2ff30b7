// Package state remembers across restarts and between instances, in a compacted Kafka topic.
//
// Store is the state topic: small documents by key (which audience a sync fills, the ledger and manifests of uploads) and
// leases, by which one instance at a time does a thing. Every instance reads it as a whole and keeps it in memory; the topic
// is the only truth. What a document means is the sinks' business. Kafka is reached through the functions of a Log, which cmd
// makes of pipeline/kafka.
package state
