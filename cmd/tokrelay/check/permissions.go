package check

import (
	"slices"

	"github.com/tokrelay/tokrelay/sinks/tiktok"
)

// Permission is what a token may do that matters here.
type Permission struct {
	ID    int64
	May   string
	Needs string // what does not work without it
}

// The permissions of TikTok's developer apps that matter here.
var (
	maySendEvents   = Permission{7224195155857866754, "send web events", "web events (Events API 2.0)"}
	mayChange       = Permission{31, "change audiences", "audiences"}
	mayReadBack     = Permission{30, "read audiences", "reading audiences back"}
	mayListPixels   = Permission{800, "list pixels", "the check of pixels"}
	wholePermission = map[int64][]int64{3: {30, 31}, 5: {51, 7224195155857866754}} // permissions that include others
)

// Permissions lists them.
var Permissions = []Permission{maySendEvents, mayChange, mayReadBack, mayListPixels}

// GrantedIn reports whether the permission is among the scopes of a grant.
func (p Permission) GrantedIn(scopes []int64) bool {
	return slices.ContainsFunc(scopes, func(id int64) bool { return id == p.ID || slices.Contains(wholePermission[id], p.ID) })
}

// permissions compares what the syncs of a connection need with what its token was granted. Only a token that auth login
// stored has that on record: TikTok does not give it.
func (u *checkup) permissions(name string) {
	c := u.config.Connections[name]
	if c.AccessToken != "" || c.AccessTokenFile != "" || u.stored == nil {
		return
	}
	grant, err := tiktok.LoadGrant(u.stored(name))
	if err != nil {
		return // the token itself was read: its error names what is wrong with the file
	}
	for _, p := range u.needs(name) {
		if p.GrantedIn(grant.Scope) {
			u.ok("connection "+name, "the token may "+p.May)
		} else {
			u.fail("connection "+name, "the token may not "+p.May+": "+p.Needs+" will not work",
				"add the permission to the developer app, then run tokrelay auth login --connection "+name)
		}
	}
}

// needs are the permissions that the syncs of a connection cannot do without.
func (u *checkup) needs(connection string) (list []Permission) {
	for i := range u.config.Syncs {
		s := &u.config.Syncs[i]
		if name, _ := u.config.ConnectionOf(s); name != connection {
			continue
		}
		of := []Permission{maySendEvents}
		if s.IsAudience() {
			of = []Permission{mayChange, mayReadBack}
		}
		for _, p := range of {
			if !slices.Contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}
