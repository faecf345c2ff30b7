# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# PostgreSQL with logical decoding, and on demand a standby of it, "postgres2". The server refuses to run as root, so it
# runs as the package's own user then.

as_postgres() {
  if [ "$(id -u)" = 0 ]; then
    (cd / && runuser -u postgres -- "$@")
  else
    "$@"
  fi
}

postgres_port() { case $1 in postgres) echo "$PG_PORT" ;; *) echo $((PG_PORT + ${1#postgres} - 1)) ;; esac }

postgres_ctl() { # postgres_ctl PART ARGUMENT...
  local home=$RUN/$1
  as_postgres "$PG_BIN/pg_ctl" -D "$home/data" -w -t "$WAIT" -l "$home/log" "${@:2}" >>"$LOGS/$1-ctl.log" 2>&1 ||
    { cat "$LOGS/$1-ctl.log" "$home/log" >&2; return 1; }
}

postgres_start() {
  local part=$1 home=$RUN/$1
  say "start $part"
  mkdir -p "$home"
  [ "$(id -u)" != 0 ] || chown postgres: "$home"
  if [ "$part" = postgres ]; then
    [ -d "$home/data" ] || postgres_init "$home"
  elif [ ! -f "$home/data/standby.signal" ]; then # none yet, or one that was promoted
    rm -rf "$home/data"
    postgres_copy "$home"
  fi
  postgres_ctl "$part" -o "$(postgres_options "$part")" start
  ln -sf "$home/log" "$LOGS/$part.log"
  head -1 "$home/data/postmaster.pid" >"$PIDS/$part"
}

postgres_init() { as_postgres "$PG_BIN/initdb" -D "$1/data" -A trust -U postgres --locale=C.UTF-8 -E UTF8 >"$LOGS/initdb.log" 2>&1; }

# postgres_copy: a standby's data, and where it gets what is written from now on. Logical slots are not copied.
postgres_copy() { as_postgres "$PG_BIN/pg_basebackup" -h 127.0.0.1 -p "$PG_PORT" -U postgres -D "$1/data" -R -c fast >"$LOGS/standby.log" 2>&1; }

postgres_options() {
  echo "-p $(postgres_port "$1") -k $RUN/$1 -c listen_addresses=127.0.0.1 -c wal_level=logical -c max_replication_slots=32" \
    "-c max_wal_senders=32 -c shared_buffers=32MB -c fsync=off -c timezone=UTC"
}

postgres_ready() { "$PG_BIN/pg_isready" -q -h 127.0.0.1 -p "$(postgres_port "$1")"; }

postgres_stop() {
  running "$1" || return 0
  say "stop $1"
  postgres_ctl "$1" -m fast stop
  rm -f "$PIDS/$1"
}

postgres_promote() { postgres_ctl "$1" promote; }

# postgres_run FILE: runs it in the database "shop", which is made first.
postgres_run() {
  local psql=("$PG_BIN/psql" -X -q -v ON_ERROR_STOP=1 -h 127.0.0.1 -p "$PG_PORT" -U postgres)
  [ -n "$("${psql[@]}" -Atc "SELECT 1 FROM pg_database WHERE datname = 'shop'")" ] || "${psql[@]}" -c 'CREATE DATABASE shop'
  "${psql[@]}" -d shop -f "$1"
}
