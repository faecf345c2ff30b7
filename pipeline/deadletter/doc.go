// Package deadletter keeps what could not be delivered where it can be found, explained and sent again (P4). A rejected
// row becomes a record with its original key, value, framing and headers, and headers that say why; a batch that failed
// as a whole becomes a small JSON record that lists the positions of its rows. Parse reads a dead letter back.
//
// What was written is read here too, for people and for replays: a Filter chooses letters by what their headers say, a Tally
// counts them, Fetch finds the one of a row, Explain and an Opener put one into words. Reading changes nothing, joins no
// group, and reads each topic once however long it is. The caller gives the Source and the decoders; sending letters again
// is its part.
//
// It decides nothing about rows: the router and delivery hand them over and wait, for a row counts as settled only once
// Kafka has acknowledged its dead letter (P1). So a Writer never gives up. Making the topics is left to pipeline/kafka.
//
// Values of rows are in a dead letter's key and value alone, guarded like the source (P3), and not even there with
// `payload: none`.
package deadletter
