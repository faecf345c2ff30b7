// Package stage reads topics of our own as a member of a group, for those who own what is in the partitions they are given
// (sinks/segment/owners). A Session makes of each step one transaction: records that were read, records that were written for
// them, offsets. A Watermark commits by itself how far the work has come. Both restore what is owned before a partition is
// read, up to a barrier: a record that they write to it for this, behind which nothing is open any more.
package stage
