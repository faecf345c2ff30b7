// Package audience finds custom audiences at TikTok, reads what TikTok says of them, and knows what a sync is bound to:
// the audience it fills, by which of the two modes. Both audience sinks use it. Creating and filling audiences is theirs.
package audience
