// Package audiencefile keeps custom audiences up to date through TikTok's File API: the whole audience is read from its
// topic, written to files of hashes and put in the place of what TikTok held.
//
// One change alone becomes lines in a Maker (member_when, normalising, hashing). A build reads the topic up to offsets
// noted at its start (P9), keeps the latest change of every key, drops repeated lines and writes the files, in memory that
// does not grow with the audience. A Job does the rest: when it runs, what stops it, the calls, and the ledger that keeps
// an audience from being replaced twice a day by any instance, however one crashes.
//
// It leaves to others: reading Kafka and decoding (functions that cmd gives it), the topic behind the ledger (a Store),
// dead letters, and TikTok's HTTP (sinks/tiktok).
package audiencefile
