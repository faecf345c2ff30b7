package kafka

import (
	"fmt"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

func problemsOf(t *testing.T, text string) []string {
	t.Helper()
	var c Config
	report := settings.Load([]byte(text), &c, settings.Lookup{})
	c.Validate(settings.Root(report))
	var out []string
	for _, p := range report.Problems() {
		out = append(out, p.String())
	}
	return out
}

func TestWhatIsWrongWithTheConfigurationIsSaidWithItsPlace(t *testing.T) {
	cases := []struct {
		name, text string
		want       []string // a part of each problem, in order
	}{
		{"the least there can be", "brokers: [kafka:9092]", nil},
		{"no brokers", "group: x", []string{"brokers: required"}},
		{"brokers without port", "brokers: [kafka, 'http://kafka:9092']", []string{"brokers[0]: must be host:port", "brokers[1]: must be host:port"}},
		{"unknown words", "brokers: [k:1]\nprotocol: new\nisolation: none", []string{"protocol: must be one of classic, next_gen", "isolation: must be one of"}},
		{"a session that is too short", "brokers: [k:1]\nsession_timeout: 1s", []string{"session_timeout: must be at least 6s"}},
		{"batches larger than memory", "brokers: [k:1]\nmax_batch_bytes: 2GiB", []string{"max_batch_bytes: must be at least fetch_max_partition_bytes and at most 1GiB"}},
		{"batches smaller than a fetch", "brokers: [k:1]\nmax_batch_bytes: 1KiB", []string{"max_batch_bytes: must be at least fetch_max_partition_bytes and at most 1GiB"}},
		{"static membership with a short session", "brokers: [k:1]\ninstance_id: a", []string{"session_timeout: is short"}},
		{"a certificate without key", "brokers: [k:1]\ntls: {cert_file: a}", []string{"tls: cert_file and key_file belong together"}},
		{"unchecked certificates", "brokers: [k:1]\ntls: {insecure_skip_verify: true}", []string{"tls.insecure_skip_verify: the server's certificate is not checked"}},
		{"an unknown mechanism", "brokers: [k:1]\ntls: {}\nsasl: {mechanism: GSSAPI}", []string{"sasl.mechanism: must be one of PLAIN"}},
		{"PLAIN without encryption and password", "brokers: [k:1]\nsasl: {mechanism: PLAIN, username: u}",
			[]string{"sasl.mechanism: the credentials travel unencrypted", "sasl.password: needs exactly one of password and password_file"}},
		{"two passwords", "brokers: [k:1]\nsasl: {mechanism: SCRAM-SHA-512, username: u, password: p, password_file: f}",
			[]string{"sasl.password: a secret is written into the file", "sasl.password: needs exactly one"}},
		{"two tokens", "brokers: [k:1]\ntls: {}\nsasl: {mechanism: OAUTHBEARER, token_file: a, token_url: 'http://idp/token', client_id: c, client_secret_file: s}",
			[]string{"sasl: needs exactly one of token, token_file and token_url"}},
		{"client credentials", "brokers: [k:1]\ntls: {}\nsasl: {mechanism: OAUTHBEARER, token_url: idp}",
			[]string{"sasl.client_id: required", "sasl.client_secret: needs exactly one", "sasl.token_url: must be an http(s) URL"}},
		{"AWS", "brokers: [k:1]\ntls: {}\nsasl: {mechanism: AWS_MSK_IAM}", []string{"sasl.access_key: required", "sasl.secret_key: needs exactly one"}},
		{"too little memory", "brokers: [k:1]\nbudget: 1KiB\nfetch_max_partition_bytes: 9MiB",
			[]string{"budget: must be at least 1MiB", "fetch_max_bytes: must be"}},
		{"answers that the client would not read", "brokers: [k:1]\nfetch_max_bytes: 101MiB", []string{"fetch_max_bytes: must be at most 100MiB"}},
		{"the largest answers", "brokers: [k:1]\nfetch_max_bytes: 100MiB\nfetch_max_partition_bytes: 100MiB\nmax_batch_bytes: 100MiB", nil},
		{"a name that only the client knows to be too long", "brokers: [k:1]\nclient_id: " + strings.Repeat("n", 200), []string{"the Kafka client takes: client id length 264"}},
		{"a time that does not fit its field", "brokers: [k:1]\nrebalance_timeout: 720h", []string{"the Kafka client takes: rebalance timeout 720h0m0s is larger"}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got := problemsOf(t, c.text)
			if len(got) != len(c.want) {
				t.Fatalf("got %q, want %d problems", got, len(c.want))
			}
			for _, part := range c.want {
				if !strings.Contains(strings.Join(got, "\n"), part) {
					t.Errorf("got %q, want one with %q", got, part)
				}
			}
		})
	}
}

func TestEveryMechanismIsWired(t *testing.T) {
	for _, m := range []string{mechanismPlain, mechanismScram256, mechanismScram512, mechanismOAuth, mechanismAWS} {
		t.Run(m, func(t *testing.T) {
			s := &SASL{Mechanism: m, Username: "u", Password: "p", Token: "t", AccessKey: "a", SecretKey: "s"}
			got, err := s.mechanism()
			if err != nil || got.Name() != m {
				t.Fatalf("got %v, %v, want %s", got, err, m)
			}
		})
	}
}

func TestSecretsDoNotPrint(t *testing.T) {
	s := SASL{Password: "hush-password", Token: "hush-token", ClientSecret: "hush-client", SecretKey: "hush-secret", AccessKey: "hush-access", SessionToken: "hush-session"}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s"} {
		if got := fmt.Sprintf(verb, Config{SASL: &s}) + fmt.Sprintf(verb, s); strings.Contains(got, "hush") {
			t.Errorf("%s prints %s", verb, got)
		}
	}
}

// TestWhatPassesTheCheckStarts gives a consumer the largest settings that Validate takes.
func TestWhatPassesTheCheckStarts(t *testing.T) {
	c := settings.WithDefaults(Config{Brokers: []string{"k:1"}, FetchMaxBytes: 100 << 20, FetchMaxPartitionBytes: 100 << 20, MaxBatchBytes: 1 << 30})
	report := &settings.Report{}
	c.Validate(settings.Root(report))
	if err := report.Err(); err != nil {
		t.Fatal(err)
	}
	options := ConsumerOptions{Sync: "orders", Group: "g", Topics: []string{"t"}}
	if _, err := NewConsumer(c, options); err != nil {
		t.Errorf("check takes it, and run ends with %v", err)
	}
	client, err := kgo.NewClient(append(c.groupOptions(options.withDefaults()), kgo.SeedBrokers("k:1"))...)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	// A full answer has its own frame around it, and a batch is given whole though it is larger than what is left.
	if got := client.OptValue(kgo.BrokerMaxReadBytes).(int32); got < 100<<20+64<<20 {
		t.Errorf("the client reads answers of at most %d bytes, and asks for 100 MiB", got)
	}
}
