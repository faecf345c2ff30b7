package daemon

import (
	"crypto/sha256"
	"encoding/hex"

	"github.com/tokrelay/tokrelay/pipeline/settings"
)

// hash tells configurations apart, for tokrelay_config_info. Secrets are not in it, and neither is the instance's own name:
// instances that do the same have the same hash.
func (c *Config) hash() string {
	same := *c
	same.Kafka.InstanceID = ""
	sum := sha256.Sum256(settings.Effective(&same))
	return hex.EncodeToString(sum[:6])
}
