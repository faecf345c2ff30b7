# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# The Apicurio registry with its storage in a file, so that a restart forgets nothing.

registry_start() {
  JARS=$(jars_folder)
  mkdir -p "$RUN/registry"
  QUARKUS_HTTP_HOST=127.0.0.1 QUARKUS_HTTP_PORT=$REGISTRY_PORT APICURIO_DATASOURCE_URL="jdbc:h2:file:$RUN/registry/db" launch registry \
    java -Xmx400m "${JAVA_LEAN[@]}" -jar "$JARS"/registry/*-runner.jar
}

registry_ready() { curl -sf --max-time 5 "http://127.0.0.1:$REGISTRY_PORT/health/ready"; }

registry_stop() { terminate registry; }
