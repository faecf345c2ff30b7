//go:build e2e

package story

import (
	"fmt"
	"os"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
)

func TestTheTLSListenerServes(t *testing.T) {
	f := newFlow(t, "tls", options{brokers: os.Getenv("E2E_KAFKA_TLS"), kafka: ", tls: {ca_file: " + os.Getenv("E2E_KAFKA_CA") + "}"})
	f.day()
	f.start()
	f.day()
	f.laws()
}

func TestAUserWithoutRightsWaitsForThemAndLosesNothing(t *testing.T) {
	for _, mechanism := range []string{"SCRAM-SHA-256", "SCRAM-SHA-512", "PLAIN"} {
		t.Run(mechanism, func(t *testing.T) {
			f := newFlow(t, fmt.Sprintf("acl%d", len(mechanism)+int(mechanism[len(mechanism)-1])), options{
				brokers: os.Getenv("E2E_KAFKA_SASL"),
				kafka:   ", sasl: {mechanism: " + mechanism + ", username: app, password: app-password}",
			})
			own := []string{f.name + ".rejected", f.name + ".failed", f.name + ".state", f.name + ".people.members"}
			f.day()
			f.allow(kadm.NewACLs().Topics(own...).ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll))
			f.start()
			f.waitsFor("AUTHORIZATION")
			f.allow(kadm.NewACLs().Topics(f.name + "." + f.name).Groups(f.name).ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpRead))
			f.day()
			f.laws()
		})
	}
}

// allow grants rights to the user app.
func (f *flow) allow(rights *kadm.ACLBuilder) {
	f.t.Helper()
	created, err := f.broker.CreateACLs(f.t.Context(), rights.Allow("User:app"))
	if err != nil {
		f.t.Fatal(err)
	}
	for _, one := range created {
		if one.Err != nil {
			f.t.Fatal(one.Err)
		}
	}
}
