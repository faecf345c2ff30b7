// Package tiktok speaks HTTP with TikTok's API for Business: it makes the calls, knows the access token, and reads every
// answer, be it a code, an HTTP status or a broken connection, into a pipeline.Answer. It is the only place that knows
// TikTok's codes. What to do about an answer (again, hold, split, stop) is left to delivery; what is in a request is
// left to the sinks. It is at the end of the flow.
//
// Nothing it returns holds the token or an app secret, and TikTok's texts are scrubbed of what may be personal data.
package tiktok
