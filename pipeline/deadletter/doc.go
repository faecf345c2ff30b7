// Package deadletter keeps what could not be delivered where it can be found, explained and sent again (P4). A rejected
// row becomes a record with its original key, value, framing and headers, and headers that say why; a batch that failed
// as a whole becomes a small JSON record that lists where its rows stand. Parse reads a dead letter back.
//
// It decides nothing about rows: the router and delivery hand them over and wait, for a row counts as settled only once
// Kafka has acknowledged its dead letter (P1). So a Writer never gives up. Making the topics is left to pipeline/kafka.
//
// Values of rows stand in a dead letter's key and value alone, guarded like the source (P3), and not even there with
// `payload: none`.
package deadletter
