//go:build e2e

package story

import (
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
	tls := ", tls: {ca_file: " + os.Getenv("E2E_KAFKA_CA") + "}"
	for _, c := range []struct{ name, mechanism, brokers, tls string }{
		{"scram256", "SCRAM-SHA-256", os.Getenv("E2E_KAFKA_SASL"), ""},
		{"plain", "PLAIN", os.Getenv("E2E_KAFKA_SASL"), ""},
		{"scram256tls", "SCRAM-SHA-256", os.Getenv("E2E_KAFKA_BOTH"), tls},
		{"scram512tls", "SCRAM-SHA-512", os.Getenv("E2E_KAFKA_BOTH"), tls},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFlow(t, c.name, options{
				brokers: c.brokers,
				kafka:   ", sasl: {mechanism: " + c.mechanism + ", username: app, password: app-password}" + c.tls,
			})
			f.day()
			f.start()
			f.waitsFor("AUTHORIZATION")
			f.allow(f.own(), f.sources())
			f.underWay()
			f.deny(f.sources())
			f.waitsFor("AUTHORIZATION")
			f.day()
			f.allow(f.sources())
			f.laws()
		})
	}
}

// own are the topics tokrelay writes.
func (f *flow) own() *kadm.ACLBuilder {
	return kadm.NewACLs().Allow("User:app").AllowHosts("*").ResourcePatternType(kadm.ACLPatternLiteral).Operations(kadm.OpAll).
		Topics(f.name+".rejected", f.name+".failed", f.name+".state", f.name+".calls", f.name+".people.members")
}

// sources are the topics it reads, and its groups.
func (f *flow) sources() *kadm.ACLBuilder {
	return kadm.NewACLs().Allow("User:app").AllowHosts("*").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(kadm.OpRead).
		Topics(f.name + "." + f.name).Groups(f.name)
}

func (f *flow) allow(all ...*kadm.ACLBuilder) {
	f.t.Helper()
	for _, rights := range all {
		created, err := f.broker.CreateACLs(f.t.Context(), rights)
		if err != nil {
			f.t.Fatal(err)
		}
		for _, one := range created {
			if one.Err != nil {
				f.t.Fatal(one.Err)
			}
		}
	}
}

func (f *flow) deny(rights *kadm.ACLBuilder) {
	f.t.Helper()
	deleted, err := f.broker.DeleteACLs(f.t.Context(), rights)
	if err != nil {
		f.t.Fatal(err)
	}
	if n := len(deleted); n == 0 {
		f.t.Fatal("no rights were taken away")
	}
}
