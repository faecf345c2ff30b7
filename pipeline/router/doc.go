// Package router is the middle of the flow: Watermill lives here and nowhere else.
//
// One Watermill handler per sync takes chunks from a Subscriber, brings their rows through the steps (decode, pass,
// make), has rejected rows written as dead letters, and gives the items to the Publisher, which is the sync's delivery.
// Watermill's own rule, Ack only after Publish returned, is the delivery guarantee (P1): a chunk is acked when every one
// of its rows has settled. What the steps are, where chunks come from and who delivers is given by the caller.
package router
