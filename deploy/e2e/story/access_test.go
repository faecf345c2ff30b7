//go:build e2e

package story

import (
	"fmt"
	"os"
	"strings"
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
			f.waitsFor(": grant ")
			rights := f.documented()
			f.allow(rights...)
			f.underWay()
			f.deny(rights[0])
			f.waitsFor(": grant ")
			f.day()
			f.allow(rights[0])
			f.laws()
		})
	}
}

// The rights that docs/operations/security.md names are enough, and check names each that is missing.
func TestTheDocumentedRightsAreExactlyEnough(t *testing.T) {
	f := newFlow(t, "rights", options{
		brokers: os.Getenv("E2E_KAFKA_SASL"),
		kafka:   ", sasl: {mechanism: PLAIN, username: app, password: app-password}",
	})
	rights := f.documented()
	f.allow(rights...)
	f.day()
	f.start()
	f.day()
	f.laws()
	lacks := func(right string) bool { return strings.Contains(f.check(), "--operation "+right+" ") }
	if says := f.check(); strings.Contains(says, "kafka-acls.sh") {
		t.Errorf("check names rights though all that are documented are granted:\n%s", says)
	}
	for _, r := range rights {
		if r.operation == "Describe" || r.operation == "Create" { // the one comes with others, Kafka does not show the other
			continue
		}
		f.deny(r)
		until(t, fmt.Sprintf("check names %s of %v", r.operation, r.names), func() bool { return lacks(r.operation) })
		f.allow(r)
		until(t, "all rights are there again", func() bool { return !strings.Contains(f.check(), "kafka-acls.sh") })
	}
	f.day()
	f.laws()
}

// check is what check --online prints.
func (f *flow) check() string {
	f.t.Helper()
	out, _ := f.command("check", "--online").CombinedOutput() // its exit code tells of what it finds
	return string(out)
}

// right is one that security.md grants, on all that begins with one of the names.
type right struct {
	operation, resource string
	names               []string
	acl                 *kadm.ACLBuilder
}

var operations = map[string]kadm.ACLOperation{"Read": kadm.OpRead, "Write": kadm.OpWrite, "Describe": kadm.OpDescribe,
	"DescribeConfigs": kadm.OpDescribeConfigs, "Delete": kadm.OpDelete, "Create": kadm.OpCreate}

// documented are the rights of the page's commands, with the names of this flow.
func (f *flow) documented() (list []right) {
	f.t.Helper()
	page, err := os.ReadFile("../../../docs/operations/security.md")
	if err != nil {
		f.t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		if command, is := strings.CutPrefix(line, "acl --operation "); is {
			list = append(list, f.grants(strings.Fields("--operation "+command))...)
		}
	}
	if len(list) < 10 {
		f.t.Fatalf("the page grants %d rights: the test looks at nothing", len(list))
	}
	return list
}

// grants are the rights of one command; all of them are of names that begin alike.
func (f *flow) grants(words []string) (list []right) {
	f.t.Helper()
	var granted []string
	var r right
	for i := 0; i+1 < len(words) && words[i] != "#"; i += 2 {
		switch words[i] {
		case "--operation":
			granted = append(granted, words[i+1])
		case "--topic", "--group", "--transactional-id":
			name := strings.NewReplacer("shop.public.", f.name+"."+f.name+".", "tokrelay.", f.name+".").Replace(words[i+1])
			r.resource, r.names = words[i], []string{name}
			if name == f.name+"." && r.resource == "--topic" { // here the sources' names begin so, too
				r.names = []string{name + "rejected", name + "failed", name + "state", name + "calls", name + "outcomes", name + "audience"}
			}
		case "--resource-pattern-type":
			if words[i+1] != "prefixed" {
				f.t.Fatalf("a pattern of another kind: %v", words)
			}
		default:
			f.t.Fatalf("a word that the test does not know: %s", words[i])
		}
	}
	for _, r.operation = range granted {
		operation, known := operations[r.operation]
		if !known {
			f.t.Fatalf("an operation that the test does not know: %s", r.operation)
		}
		r.acl = kadm.NewACLs().Allow("User:app").AllowHosts("*").ResourcePatternType(kadm.ACLPatternPrefixed).Operations(operation)
		switch r.resource {
		case "--topic":
			r.acl.Topics(r.names...)
		case "--group":
			r.acl.Groups(r.names...)
		default:
			r.acl.TransactionalIDs(r.names...)
		}
		list = append(list, r)
	}
	return list
}

func (f *flow) allow(rights ...right) {
	f.t.Helper()
	for _, r := range rights {
		created, err := f.broker.CreateACLs(f.t.Context(), r.acl)
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

func (f *flow) deny(r right) {
	f.t.Helper()
	deleted, err := f.broker.DeleteACLs(f.t.Context(), r.acl)
	if err != nil {
		f.t.Fatal(err)
	}
	if n := len(deleted); n == 0 {
		f.t.Fatal("no rights were taken away")
	}
}
