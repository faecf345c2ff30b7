// Package letters reads the dead-letter topics for people: it chooses letters by what their headers say, counts them,
// finds the one of a row, and puts one into words. It changes nothing, joins no group, and reads each topic once however
// long it is. Sending letters again is daemon's part; what letters look like is pipeline/deadletter's.
package letters
