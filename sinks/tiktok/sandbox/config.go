package sandbox

import (
	"cmp"
	"time"
)

// The account every sandbox has unless its Config names others.
const (
	DefaultAdvertiser = "7000000000000000001"
	DefaultPixel      = "CTESTPIXELCODE000000"
	DefaultOfflineSet = "7000000000000000101"
	DefaultCRMSet     = "7000000000000000201"
	DefaultTikTokApp  = "7000000000000000301"
	DefaultToken      = "sandbox-token"
	DefaultAppID      = "7000000000000000901"
	DefaultAppSecret  = "sandbox-secret"
)

// Config describes the simulated TikTok. The zero value is a sensible account with the documented rules.
type Config struct {
	// Now is the simulator's clock; nil means time.Now. Delays of faults use real timers (virtual ones under synctest).
	Now func() time.Time

	// Apps, Advertisers, Sources and Tokens are the accounts. Each list left nil gets its Default.
	Apps        []App
	Advertisers []Advertiser
	Sources     []Source
	Tokens      []Token

	// Audiences is how many were made before: ids count on from there. TikTok gives none twice, also after a restart.
	Audiences int

	// Limits are the rate limits; zero values mean the documented ones.
	Limits Limits

	// Refuse turns warnings into refusals 40002 (404 for NoSlash). Strict lists those a good client never causes.
	Refuse []Warning

	StandardEventsOnly bool // refuse custom event names of web events (default: accepted)
	AllowAnyName       bool // accept custom event names against TikTok's rules (default: refused)
	AllowApp           bool // this developer may send app events (default: 40118)
	MergeRenamed       bool // CompletePayment and Purchase, SubmitForm and Lead deduplicate as one (default: apart)
	AllowFastReplace   bool // several REPLACE of one audience within 24 hours (default: refused)
	TakeBadLines       bool // take a file with bad lines in part, with a note in the history (default: 40915)
	GoneIsMissing      bool // answer members of a deleted audience 40007 (default: 40002)

	MaxEventAge   time.Duration // older events are refused; 0 = 28 days, negative = never
	MaxEventAhead time.Duration // events further in the future are refused; 0 = 10 minutes, negative = never

	// Processing is how long an uploaded audience is processed before it can be used and changed. TikTok takes up to
	// 48 hours; 0 means at once, which suits tests. Advance moves the clock.
	Processing time.Duration
	// SegmentDelay is how long a streamed audience takes to show its size. TikTok takes 24 to 48 hours; 0 means at once.
	SegmentDelay time.Duration
	// MatchRate is the part of members TikTok recognises; 0 means all.
	MatchRate float64
	// PathLifetime is how long an uploaded file can be used; 0 = 24 hours.
	PathLifetime time.Duration
	// MaxFile is the largest upload in bytes; 0 = 250 MB.
	MaxFile int64

	// KeepEvents is how many events Events can return; 0 = 1,000,000, negative = none. Beyond it only counts and
	// 16-byte keys are kept, so memory stays near 40 bytes an event.
	KeepEvents int
	// KeepBodies is how many of the newest events keep their JSON; 0 = 100, negative = none.
	KeepBodies int
	// KeepCalls is how many of the newest calls are listed; 0 = 1000, negative = none.
	KeepCalls int
	// KeepCallBodies is how many of the newest calls keep their body, up to a megabyte each; 0 = 10, negative = none.
	KeepCallBodies int
}

// App is a developer application.
type App struct {
	ID        string
	Secret    Secret
	Tier      Tier     // of rate limits; "" = Basic
	Scopes    []int64  // what authorising grants; nil = AllScopes
	Redirects []string // registered redirect URIs; nil = any on loopback or https
}

// Advertiser is an ad account.
type Advertiser struct {
	ID, Name string
	Business string // accounts of one business can share a segment call; "" is a business like any other
	Currency string // "" = USD
	Timezone string // "" = Etc/UTC
}

// Source is what events belong to: a pixel, an app, an offline event set or a CRM event set.
type Source struct {
	Kind       string // web, app, offline or crm; "" = web
	ID         string // the pixel code of a web source
	Name       string
	Advertiser string
}

// Token is an access token and what it reaches.
type Token struct {
	Value       Secret
	App         string   // "" = the first app
	Advertisers []string // nil = all
	Scopes      []int64  // nil = AllScopes; ScopePixelEvents and ScopeEvents for a token made in Events Manager
}

// Secret is a token or an app's secret. It prints as [redacted].
type Secret string

func (Secret) String() string               { return "[redacted]" }
func (Secret) GoString() string             { return "[redacted]" }
func (Secret) MarshalText() ([]byte, error) { return []byte("[redacted]"), nil }

// The permission ids that matter here. A parent grants its children.
const (
	ScopeAudience      int64 = 3
	ScopeAudienceRead  int64 = 30
	ScopeAudienceWrite int64 = 31
	ScopeMeasurement   int64 = 5
	ScopePixelEvents   int64 = 51                  // Events API 1.0
	ScopeEvents        int64 = 7224195155857866754 // Events API 2.0
	ScopePixelList     int64 = 800
)

// AllScopes is what a token has unless its configuration says otherwise.
func AllScopes() []int64 {
	return []int64{ScopeAudience, ScopeAudienceRead, ScopeAudienceWrite, ScopeMeasurement, ScopePixelEvents, ScopeEvents, ScopePixelList}
}

func (c Config) withDefaults() Config {
	if c.Now == nil {
		c.Now = time.Now
	}
	c = c.withAccount()
	c.Limits = c.Limits.withDefaults()
	c.MaxEventAge = cmp.Or(c.MaxEventAge, 28*24*time.Hour)
	c.MaxEventAhead = cmp.Or(c.MaxEventAhead, 10*time.Minute)
	c.MatchRate = cmp.Or(c.MatchRate, 1)
	c.PathLifetime = cmp.Or(c.PathLifetime, 24*time.Hour)
	c.MaxFile = cmp.Or(c.MaxFile, 250<<20)
	c.KeepEvents = cmp.Or(c.KeepEvents, 1_000_000)
	c.KeepBodies = cmp.Or(c.KeepBodies, 100)
	c.KeepCalls = cmp.Or(c.KeepCalls, 1000)
	c.KeepCallBodies = cmp.Or(c.KeepCallBodies, 10)
	return c
}

// BusinessCenter lists the default advertiser and others of its Business Center.
func BusinessCenter(others ...string) []Advertiser {
	list := []Advertiser{{ID: DefaultAdvertiser, Name: "Sandbox advertiser", Business: "sandbox"}}
	for _, id := range others {
		list = append(list, Advertiser{ID: id, Business: "sandbox"})
	}
	return list
}

func (c Config) withAccount() Config {
	if c.Apps == nil {
		c.Apps = []App{{ID: DefaultAppID, Secret: DefaultAppSecret}}
	}
	if c.Advertisers == nil {
		c.Advertisers = BusinessCenter()
	}
	if c.Sources == nil {
		owner := c.Advertisers[0].ID
		c.Sources = []Source{
			{Kind: "web", ID: DefaultPixel, Name: "Sandbox pixel", Advertiser: owner},
			{Kind: "offline", ID: DefaultOfflineSet, Name: "Sandbox offline events", Advertiser: owner},
			{Kind: "crm", ID: DefaultCRMSet, Name: "Sandbox CRM events", Advertiser: owner},
			{Kind: "app", ID: DefaultTikTokApp, Name: "Sandbox app", Advertiser: owner},
		}
	}
	if c.Tokens == nil {
		c.Tokens = []Token{{Value: DefaultToken}}
	}
	return c
}
