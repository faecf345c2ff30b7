# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# Folders, addresses and limits. Every one can be set from outside.

WORK=${E2E_DIR:-${TMPDIR:-/tmp}/tokrelay-e2e}
CACHE=$WORK/cache # downloads, kept
RUN=$WORK/run     # data, logs and process ids of one run, deleted by the next full start
LOGS=$RUN/logs
PIDS=$RUN/pids

BROKERS=${E2E_BROKERS:-$(cat "$RUN/brokers" 2>/dev/null || echo 1)} # 1 or 3; a running stack remembers
PG_PORT=${E2E_PG_PORT:-55432} # the standby one higher
KAFKA_PORT=${E2E_KAFKA_PORT:-19092} # then +1 controller, +2 SASL, +3 TLS, +4 both, +5 for a proxy at +6; the next broker 10 higher
REGISTRY_PORT=${E2E_REGISTRY_PORT:-18080}
CONNECT_PORT=${E2E_CONNECT_PORT:-18083}
WAIT=${E2E_WAIT:-120} # seconds for a part to become healthy

PG_BIN=${E2E_PG_BIN:-/usr/lib/postgresql/15/bin}
REGISTRY_URL=http://127.0.0.1:$REGISTRY_PORT/apis/registry/v3
CONNECT_URL=http://127.0.0.1:$CONNECT_PORT

# The serial collector and the first compiler stage: two cores are shared with whatever is being tested.
JAVA_LEAN=(-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Xshare:auto)

PARTS=(postgres kafka registry connect)
if [ "$BROKERS" = 3 ]; then PARTS=(postgres kafka kafka2 kafka3 registry connect); fi
ALL=("${PARTS[@]}" postgres2) # whatever may run

stack_env() {
  cat <<TEXT
E2E_KAFKA=127.0.0.1:$KAFKA_PORT
E2E_KAFKA_SASL=127.0.0.1:$((KAFKA_PORT + 2))
E2E_KAFKA_TLS=127.0.0.1:$((KAFKA_PORT + 3))
E2E_KAFKA_BOTH=127.0.0.1:$((KAFKA_PORT + 4))
E2E_KAFKA_PROXIED=127.0.0.1:$((KAFKA_PORT + 5))
E2E_KAFKA_PROXY=127.0.0.1:$((KAFKA_PORT + 6))
E2E_KAFKA_CA=$RUN/tls/ca.pem
E2E_REGISTRY=http://127.0.0.1:$REGISTRY_PORT
E2E_SCHEMAS=http://127.0.0.1:$REGISTRY_PORT/apis/ccompat/v7
E2E_CONNECT=$CONNECT_URL
E2E_POSTGRES=postgres://postgres@127.0.0.1:$PG_PORT/shop
E2E_STANDBY=postgres://postgres@127.0.0.1:$((PG_PORT + 1))/shop
E2E_LOGS=$LOGS
TEXT
}
