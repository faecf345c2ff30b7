// Package member is what both audience sinks say and do about a row's person: the configuration of the identifiers a
// person is matched by, its check, and the reading of their digests from rows.
//
// It is between mapping, which finds the columns, and the sinks, which make claims (sinks/segment) or lines
// (sinks/audiencefile) of the digests. It leaves to them: whether the row is a member now, and what to do with a row
// without identifiers. Normalising and hashing is identity's.
package member
