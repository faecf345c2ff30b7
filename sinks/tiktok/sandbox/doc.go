// Package sandbox is a strict simulator of TikTok's API for Business: the part of it a relay of web events and custom
// audiences meets. Tests, the demo and the sandbox command all use this one package.
//
// It is a judge, so it shares no code with what it judges: it checks every request against TikTok's documented rules with
// tables of its own. Only its reading of JSON is pipeline/jsontext's, which its tests compare with encoding/json. It leaves to its callers the listener
// (a *Sandbox is an http.Handler) and the choice of a clock. Transport reaches it without a network.
//
// # Endpoints
//
// Under /open_api/v1.3, with a trailing slash (a GET may lack it):
//
//	POST /event/track/                       Events API 2.0: web, offline and crm; app where allowed
//	POST /pixel/track/, /pixel/batch/        Events API 1.0, one event and up to 50
//	GET  /pixel/list/                        pixels of an advertiser
//	GET  /pixel/event/stats/                 what was counted of them, by event name
//	GET  /crm/list/, /offline/get/           event sets of an advertiser
//	POST /segment/audience/                  make and delete Partner audiences
//	POST /segment/mapping/                   add and remove their members
//	POST /dmp/custom_audience/file/upload/   take in a file of hashed ids
//	POST /dmp/custom_audience/create/        make an audience of files
//	POST /dmp/custom_audience/update/        REPLACE, APPEND, REMOVE, rename
//	POST /dmp/custom_audience/delete/        all or nothing
//	GET  /dmp/custom_audience/get/, /list/   read back
//	POST /dmp/custom_audience/share/         with other advertisers of the business; also share/cancel/, GET share/log/
//	POST /oauth2/access_token/               an auth_code for a token
//	POST /oauth2/revoke_token/
//	GET  /oauth2/advertiser/get/, /user/info/, /advertiser/info/
//
// Beside them GET /portal/auth is the page of consent; its advertiser always agrees, at once. Calls to /open_api/v1.2/
// are answered 40051, any other path 404.
//
// # Order of checks
//
// Path, method, faults that do not look at content, Content-Type, token, permission, rate limits of the app or endpoint,
// JSON, rate limits of the pixel and the advertiser, then the body: types anywhere in it, required fields anywhere in
// it, values, ownership. Then faults that look at content, and the effect. A request that is refused changes nothing.
// HTTP status is 200 whatever the code.
//
// # Rules
//
// RulesTable lists every rule with its answer, and how sure it is: TikTok's own material confirms it, partners report it, or it is a choice
// where the documents are silent or contradict each other. What TikTok is not known to refuse but a careful client does not send is a
// Warning: counted, or refused on request. One warning is about time, not content: InFlight counts adds and removals of one member that were
// under way together.
//
// A refusal's place in the body is in the list of calls alone, where TikTok does not say it.
//
// # Trouble
//
// AddFault makes calls fail: the next, each Nth, by chance, or those that hold a certain row; before or after their
// effect; with a return code, a proxy's page, a delay, a held call or a cut connection. Advance moves the clock.
//
// # View
//
// Other processes look and act through /sandbox/, without a token: bind the listener to loopback.
//
//	GET    /sandbox/                        a page for people
//	GET    /sandbox/state                   State as JSON
//	GET    /sandbox/events?limit=N|all      counted events as JSON lines; also from=N and test=true
//	GET    /sandbox/calls?limit=N           calls as JSON lines; bodies=true adds the bodies that are kept
//	GET    /sandbox/audiences/ID/members    hashes by type of identifier
//	POST   /sandbox/audiences/ID            an AudienceChange: {"is_creator":false}; DELETE removes it, as in TikTok's own pages
//	POST   /sandbox/pixelevents             BrowserEvents
//	GET    /sandbox/faults                  FaultStates
//	POST   /sandbox/faults                  a Fault, durations as text: {"code":40100,"count":3,"delay":"1s"}
//	DELETE /sandbox/faults, /sandbox/faults/ID
//	POST   /sandbox/tokens                  {"token":"…"} becomes valid; also advertisers and scopes
//	POST   /sandbox/tokens/revoke           {"token":"…"} or {"all":true}
//	POST   /sandbox/clock                   {"advance":"24h"}
//	POST   /sandbox/reset                   forget everything
//
// Tokens and secrets are kept as hashes or as a type that prints [redacted]; no answer, log line or call record has them.
package sandbox
