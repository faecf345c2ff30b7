// Package audiencefile keeps custom audiences up to date through TikTok's File API: the whole audience is read from its
// topic, written to files of hashes and put in the place of what TikTok held.
//
// One change alone becomes lines in a Maker (member_when, normalising, hashing). Package build makes files of a whole topic of
// them, cut at recorded offsets (P9). A Job does the rest: when it runs, what stops it, the calls, and the ledger that keeps an
// audience from being replaced twice a day by any instance, however one crashes.
//
// It leaves to others: reading Kafka and decoding (functions that cmd gives it), the topic behind the ledger (a Store),
// dead letters, and TikTok's HTTP (sinks/tiktok).
package audiencefile
