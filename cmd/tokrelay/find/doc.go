// Package find answers what became of a person, an event, a record key or a row, and in which audiences a person is now.
//
// Everything is read from Kafka, as all instances wrote it: the topic of outcomes, the source row and the sync's steps, commits, dead letters,
// the topics of the owners of streamed audiences, the ledger of uploads. Nothing is remembered between two questions, so that an answer is
// the same on each instance, after a restart, and where none runs.
//
// A question holds digests and positions alone (P3): what a person typed is hashed first, on the page by the browser, by the command at once.
// Rows are read in clear inside this package; what it says of them are shapes, and values that say nothing of a person.
package find
