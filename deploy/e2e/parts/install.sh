# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# Fetches what the machine lacks: Debian packages and the Java parts. A second run finds all of it in place.

install_all() {
  need_java
  mkdir -p "$WORK" "$CACHE"
  install_packages
  install_jars
}

skip() {
  rm -f "$RUN/env"
  echo "skip: $*"
  exit 0
}

need_java() {
  local version
  command -v java >/dev/null || skip "java is not installed"
  version=$(java -version 2>&1 | sed -n 's/.*version "\([0-9]*\).*/\1/p' | head -1)
  [ "${version:-0}" -ge 17 ] || skip "java is older than 17"
}

install_packages() {
  local missing=()
  [ -x "$PG_BIN/initdb" ] || missing+=(postgresql-15)
  command -v kcat >/dev/null || missing+=(kcat)
  command -v curl >/dev/null || missing+=(curl)
  command -v mvn >/dev/null || missing+=(maven)
  [ ${#missing[@]} -gt 0 ] || return 0
  say "install ${missing[*]}"
  DEBIAN_FRONTEND=noninteractive apt-get update -qq
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
}

# The folder's name is the digest of the POM files, so a changed version is fetched anew and an unchanged one never.
jars_folder() {
  echo "$CACHE/java-$(cat "$here"/maven/pom.xml "$here"/maven/*/pom.xml | sha256sum | cut -c1-12)"
}

install_jars() {
  JARS=$(jars_folder)
  [ -f "$JARS/complete" ] && return 0
  rm -rf "$JARS" && mkdir -p "$JARS"
  say "fetch the Java parts"
  if ! mvn -q -B -ntp -C -f "$here/maven/pom.xml" package -Ddir="$JARS" >"$CACHE/maven.log" 2>&1; then
    maven_trouble
  fi
  verify_jars
  tar -xzf "$JARS"/registry/*.tar.gz -C "$JARS/registry" && rm "$JARS"/registry/*.tar.gz
  touch "$JARS/complete"
}

maven_trouble() {
  tail -n 20 "$CACHE/maven.log" >&2
  if grep -qE 'Unknown host|Connection (refused|timed out|reset)|Network is unreachable|No route to host' "$CACHE/maven.log"; then
    skip "Maven's central repository is not reachable"
  fi
  return 1
}

# Maven has compared every file with the repository's own digest; this compares with what was tested.
verify_jars() {
  (cd "$JARS" && sha256sum --quiet --check "$here/maven/checksums.sha256")
}
