// Package state remembers across restarts and between instances, in compacted Kafka topics.
//
// Store is the state topic: small documents by key (which audience a sync fills, the ledger and manifests of uploads) and
// leases, by which one instance at a time does a thing. Members is the members topic of one audience sync: what each
// member's digests are, and how many members claim the same digest.
//
// Both are read as a whole by every instance and kept in memory; a topic is the only truth. What a document or a
// member's value means is the sinks' business. Kafka is reached through the functions of a Log, which cmd makes of
// pipeline/kafka.
package state
