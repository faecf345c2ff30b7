# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# PostgreSQL with logical decoding. The server refuses to run as root, so it runs as the package's own user then.

as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

postgres_start() {
  say "start postgres"
  if [ ! -d "$PG_HOME/data" ]; then
    mkdir -p "$PG_HOME"
    [ "$(id -u)" != 0 ] || chown postgres: "$PG_HOME"
    as_postgres "$PG_BIN/initdb" -D "$PG_HOME/data" -A trust -U postgres --locale=C.UTF-8 -E UTF8 >"$LOGS/initdb.log" 2>&1
  fi
  as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -w -t "$WAIT" -l "$PG_HOME/log" -o "$(postgres_options)" start >>"$LOGS/initdb.log" 2>&1 ||
    { cat "$PG_HOME/log" >&2; return 1; }
  ln -sf "$PG_HOME/log" "$LOGS/postgres.log"
  head -1 "$PG_HOME/data/postmaster.pid" >"$PIDS/postgres"
}

postgres_options() {
  echo "-p $PG_PORT -k $PG_HOME -c listen_addresses=127.0.0.1 -c wal_level=logical -c max_replication_slots=32" \
    "-c max_wal_senders=32 -c shared_buffers=32MB -c fsync=off -c timezone=UTC"
}

postgres_ready() { "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT"; }

postgres_stop() {
  running postgres || return 0
  say "stop postgres"
  as_postgres "$PG_BIN/pg_ctl" -D "$PG_HOME/data" -m fast -w stop >>"$LOGS/initdb.log" 2>&1
  rm -f "$PIDS/postgres"
}

# postgres_run FILE: runs it in the database "shop", which is made first.
postgres_run() {
  local psql=("$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$PG_PORT" -U postgres)
  [ -n "$("${psql[@]}" -Atc "SELECT 1 FROM pg_database WHERE datname = 'shop'")" ] || "${psql[@]}" -c 'CREATE DATABASE shop'
  "${psql[@]}" -d shop -f "$1"
}
