// Package events makes events of websites, apps, CRMs and shops for TikTok's Events API of row changes: it maps, validates, hashes (through identity)
// and writes each event as the JSON TikTok takes, or rejects the row with the field and the rule. It comes between the
// gate, which has let the row through, and delivery, which sends what it made.
//
// A Plan is one sync's mapping, compiled at start from its Config. A Maker is a Plan at work in one goroutine: Make
// appends a row's events to the chunk's Items without allocating. AppendRequest puts a batch of them into a call.
//
// A row reports its first problem in a fixed order: what the call says around the event (source, pixel, test code), the
// event's name, time and id, then the fields in the order of the table in fields.go (user, page, device, app,
// properties, the rest), then the want of any identifier.
package events
