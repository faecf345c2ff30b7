# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# Starting, watching and stopping processes. Only processes started here are ever signalled, by their id.

say() { echo "$(date +%T) $*"; }

# launch PART COMMAND...: runs it in the background with its own log and pid file.
launch() {
  local part=$1
  shift
  say "start $part"
  setsid "$@" >>"$LOGS/$part.log" 2>&1 </dev/null &
  echo $! >"$PIDS/$part"
}

running() {
  local pid
  [ -f "$PIDS/$1" ] && pid=$(head -1 "$PIDS/$1") && kill -0 "$pid" 2>/dev/null
}

any_running() {
  local file
  for file in "$PIDS"/*; do running "${file##*/}" && return 0; done
  return 1
}

# wait_ready PART CHECK: polls until CHECK answers, the process dies, or time is up.
wait_ready() {
  local part=$1 check=$2 deadline=$((SECONDS + WAIT))
  until "$check" "$part" >/dev/null 2>&1; do
    if ! running "$part" || [ $SECONDS -ge $deadline ]; then
      say "$part did not become healthy; the end of its log:" >&2
      show_logs "$part" >&2
      return 1
    fi
    sleep 0.5
  done
  say "ready $part"
}

# terminate PART: asks the process to end, ends it by force after 30 seconds.
terminate() {
  local part=$1 pid deadline=$((SECONDS + 30))
  running "$part" || { rm -f "$PIDS/$part"; return 0; }
  pid=$(head -1 "$PIDS/$part")
  say "stop $part"
  kill -CONT "$pid" 2>/dev/null || true
  kill -TERM "$pid" 2>/dev/null || true
  while kill -0 "$pid" 2>/dev/null; do
    if [ $SECONDS -ge $deadline ]; then kill -KILL "$pid" 2>/dev/null || true; fi
    sleep 0.2
  done
  rm -f "$PIDS/$part"
}

status_all() {
  local part bad=0 memory
  for part in "${PARTS[@]}"; do
    if running "$part" && "${part//[0-9]/}_ready" "$part" >/dev/null 2>&1; then
      memory=$(awk '/^VmRSS/ {print int($2 / 1024)}' "/proc/$(head -1 "$PIDS/$part")/status")
      echo "$part up, process $(head -1 "$PIDS/$part"), $memory MiB"
    else
      echo "$part down"
      bad=1
    fi
  done
  return $bad
}

show_logs() {
  local log
  for log in "$LOGS"/${1:-*}.log; do
    [ -f "$log" ] || continue
    echo "== $log"
    tail -n "${E2E_LOG_LINES:-60}" "$log"
  done
}
