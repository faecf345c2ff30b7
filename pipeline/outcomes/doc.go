// Package outcomes keeps how each row ended where it can be asked for (P12): a record a row in a topic of its own, as
// schemas/outcome.avsc says. A Writer writes them before a row's offset is committed; Scan reads them back; States says of dead
// letters which of them are still open.
//
// Partition 0 holds what became of rejected and failed rows, and all that replays did: it is as long as there are dead letters.
// Every other row is in the partition that PartitionOf names, which is the same for all rows of one source partition: a row's changes
// are together, in their order, and a chunk is one batch. A row that was read again is written again: the last record counts.
//
// It decides nothing about rows. No clear value of a row is in its records (P3): keys and persons are there as the first bytes of
// hashes.
package outcomes
