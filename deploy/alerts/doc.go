// Package alerts proves that trouble reaches people: the real Prometheus and Alertmanager, with the rules and routes that
// are shipped, next to the real binary. Things are broken, and Slack, PagerDuty, e-mail, SMS and webhook messages have to
// arrive at sinks of the test's own with the right text; then the recovery. It holds nothing but tests, behind the build
// tag alerts; `make e2e-alerts` runs them.
package alerts
