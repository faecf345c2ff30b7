// Package delivery takes the items of many chunks, sends them to TikTok in few calls, and settles every row: delivered,
// or dead-lettered with TikTok's reason. It coalesces, keeps to limits, holds and tries again, finds the row that a
// refused call was refused for, and stops for trouble that is not the rows' fault (P7, P8). Retries and holds live here and
// not in the router, because only here is known which rows a call was for.
//
// A Queue belongs to one sync, a Gate to one connection: every call of the connection's syncs needs a permit of it, and it holds
// the limits, the calls in flight and what is known of TikTok's state. How a request is written is the sink's, what an
// answer means is sinks/tiktok's, how a dead letter looks is deadletter's. It is the last step but one of the flow: Deliver
// returns when the chunk may be committed.
package delivery
