// Package debugger is the live debugger: what the syncs do, every call they made and what TikTok answered, what was rejected
// and why, in HTML that a browser reads without JavaScript and follows live with it.
//
// A view makes the data of one address; a template turns it into HTML; live.go sends that HTML again whenever it has
// changed. So there is one way to show a thing, and the script in the browser only puts new HTML in place of old. Pages
// need nothing from elsewhere: style, scripts and icon are in the binary.
//
// The page reads what daemon, pipeline/calls and the rejected topic have; it decides nothing, and replays only where
// admin.actions says so. Who may see it is daemon's part (credentials.go). Clear personal data never reaches it (P3):
// requests hold hashes, the few fields TikTok takes in clear are masked, rows are shown as shapes, and what a person types
// into the search is hashed in the browser.
package debugger
