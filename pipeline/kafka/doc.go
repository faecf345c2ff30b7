// Package kafka reads source topics and writes dead letters and state: franz-go lives here and nowhere else.
//
// A Consumer joins one group for one sync, hands chunks of consecutive records of one partition to its caller, and
// commits the unbroken run of settled chunks of each partition, never more (P1). What happens to a chunk is the caller's
// affair; the Ticket it answers with is all the Consumer knows. A Producer writes and returns when Kafka has
// acknowledged. What commands and the start of the daemon ask and tell Kafka is in package admin, below this one.
//
// It is at both ends of the flow: before the router, and behind the dead-letter writer.
package kafka
