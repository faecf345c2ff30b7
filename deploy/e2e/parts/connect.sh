# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# Kafka Connect, standalone, with the Debezium connector and the Avro converter in plugin folders of their own.

connect_start() {
  local folder=$RUN/connect known=()
  JARS=$(jars_folder)
  mkdir -p "$folder/plugins" "$folder/connectors"
  ln -sfn "$JARS/debezium" "$folder/plugins/debezium"
  ln -sfn "$JARS/converter" "$folder/plugins/converter"
  connect_properties >"$folder/connect.properties"
  mapfile -t known < <(find "$folder/connectors" -name '*.json' | sort)
  launch connect java -Xmx768m "${JAVA_LEAN[@]}" -Dlog4j2.configurationFile="$here/parts/log4j2.xml" -cp "$JARS/connect/*" \
    org.apache.kafka.connect.cli.ConnectStandalone "$folder/connect.properties" "${known[@]}"
}

connect_properties() {
  cat <<TEXT
bootstrap.servers=127.0.0.1:$KAFKA_PORT
offset.storage.file.filename=$RUN/connect/offsets
offset.flush.interval.ms=2000
plugin.path=$RUN/connect/plugins
plugin.discovery=service_load
listeners=http://127.0.0.1:$CONNECT_PORT
topic.creation.enable=true
task.shutdown.graceful.timeout.ms=2000
TEXT
  local side
  for side in key value; do
    cat <<TEXT
$side.converter=io.apicurio.registry.utils.converter.AvroConverter
$side.converter.apicurio.registry.url=$REGISTRY_URL
$side.converter.apicurio.registry.auto-register=true
$side.converter.apicurio.registry.auto-register.if-exists=FIND_OR_CREATE_VERSION
TEXT
  done
}

connect_ready() { curl -sf --max-time 5 "$CONNECT_URL/connectors"; }

connect_stop() { terminate connect; }

# connect_put FILE: creates the connector the file is named after. The file holds {"name", "config"} with @PG_PORT@ and @REGISTRY@ in it. A restarted worker gets it again.
connect_put() {
  local name target
  name=$(basename "$1" .json)
  target=$RUN/connect/connectors/$name.json
  sed -e "s/@PG_PORT@/$PG_PORT/g" -e "s#@REGISTRY@#$REGISTRY_URL#g" "$1" >"$target"
  if ! curl -sS --fail-with-body --max-time 60 -o "$RUN/connect/answer.json" -H 'Content-Type: application/json' \
    --data-binary "@$target" "$CONNECT_URL/connectors"; then
    echo "connector $name: $(cat "$RUN/connect/answer.json")" >&2
    rm -f "$target"
    return 1
  fi
  connect_wait "$name"
}

connect_wait() {
  local name=$1 deadline=$((SECONDS + WAIT)) state
  while :; do
    state=$(curl -s --max-time 5 "$CONNECT_URL/connectors/$name/status")
    case $state in
      *'"FAILED"'*) echo "connector $name: $state" >&2; return 1 ;;
      *'"tasks":[{'*'"RUNNING"'*) break ;;
    esac
    [ $SECONDS -lt $deadline ] || { echo "connector $name: $state" >&2; return 1; }
    sleep 0.5
  done
  say "connector $name runs"
}

connect_delete() {
  curl -sSf --max-time 30 -X DELETE "$CONNECT_URL/connectors/$1"
  rm -f "$RUN/connect/connectors/$1.json"
}
