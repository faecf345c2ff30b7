// Package story tells tokrelay's story on the real stack: rows in PostgreSQL, read by Debezium, carried by Kafka with the
// schemas of a registry, delivered by the real binary to the TikTok simulator. SQL is the judge: what TikTok holds in the
// end is compared with what queries over the tables say it should. Then the same under the faults of real brokers.
//
// It holds nothing but tests, behind the build tag e2e; `make e2e` starts the stack and runs them. The stack itself is
// the script in the folder above.
package story
