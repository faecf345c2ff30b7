// Package identity turns clear identifiers into hashes: it normalises, validates and hashes. It is between mapping,
// which finds the column's text, and the sinks, which take nothing but a Hash; clear personal data ends here (promise
// P3). The only clear text that leaves is a Place and a VendorID, which TikTok wants unhashed.
//
// Each kind of identifier is a small value (Email, Phone, ExternalID, DeviceID, Name, ZipCode) with one method:
//
//	Hash(clear []byte) (Hash, error)
//
// The value is the configuration. It keeps no state, may be used from several goroutines, does not keep or change its
// input, and does not allocate unless a phone number needs the library. There are three outcomes:
//
//   - a Hash and no error: send it;
//   - the zero Hash and no error: nothing was there (empty, or only white space and invisible characters): leave it out;
//   - a Rule as the error: the row is rejected, or goes on with its other identifiers where the rule is one of Nobody. A
//     Rule is one of a closed list and never holds the value.
//
// # What is refused
//
// Text that databases and exports write when they mean nothing (null, undefined, none, nan, n/a, -, 0 and the like) is
// refused as a placeholder rather than taken for nothing, because a row that has nothing else is a fault someone should
// see; hashed, it would make strangers one person. Sinks leave a placeholder out next to another identifier. The digests of
// such texts are refused everywhere: they match nobody. Whether a digest is one of something properly normalised cannot be
// seen; what a column holds is the configuration's word, see Mode.
//
// # What is left to others
//
// Finding columns, multi-valued fields, naming the field in a rejection, and the size and number of identifiers per row.
// Text is not brought to a Unicode normal form: neither TikTok nor its browser pixel does so, and hashes must agree.
package identity
