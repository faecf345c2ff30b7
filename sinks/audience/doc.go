// Package audience is what both audience sinks do at TikTok: it finds audiences, creates those of the Segment API, reads what
// TikTok says of them, and knows what a sync is bound to: the audience it fills, by which of the two modes. Filling them is
// the sinks'; the identifiers of a row are in audience/member.
package audience
