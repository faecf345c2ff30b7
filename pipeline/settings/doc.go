// Package settings reads YAML configuration strictly: it turns a text into typed values, and tells everything that is
// wrong with it at once, each problem with its line and path. It knows nothing of what the keys mean: every package owns
// its Config, its defaults and its Validate, and reports there through a Place. It comes before the flow: cmd loads the
// file, the packages validate, and only a Report without problems starts a sync.
//
// Values written as ${VAR}, ${VAR:-default} and ${file:PATH} are replaced in parsed scalars, never in the text, so that a
// password with # or : survives; $$ is a dollar sign. Secrets are a type that prints as [redacted].
package settings
