// Package counted sets what was sent to TikTok against what TikTok counts of it, by pixel, event name and day of UTC.
//
// Sent counts what TikTok accepted of this instance's events, and writes it to the state topic, where each instance has
// documents of its own; their sum is the group's. Account asks TikTok, which counts events of pixels alone. Compare
// joins the two, and Readback does so from time to time for metrics and the page.
//
// How exact it is: what an instance had counted in the 30 s before it was killed is lost. Rows that are read again after
// a restart or a reset of offsets are sent and counted again, while TikTok counts an event_id once in 48 hours. The day
// is that of sending; that of TikTok may be that of sending or that of the event, which its documents leave open. Test events are left out.
package counted
