# shellcheck shell=bash disable=SC2034,SC2154 # the parts share their names through the stack script
# Apache Kafka, broker and controller in one process, one or three of them. Each has six listeners: plain, controller,
# SASL (SCRAM and PLAIN), TLS, SASL over TLS, and one that is reached through a proxy of a test alone. Clients without a name are super users; user "app" may do nothing until granted.

kafka_node() { case $1 in kafka) echo 1 ;; *) echo "${1#kafka}" ;; esac; }

kafka_port() { echo $((KAFKA_PORT + 10 * ($(kafka_node "$1") - 1))); }

kafka_class() { java "${JAVA_LEAN[@]}" -cp "$JARS/broker/*" "$@"; }

kafka_start() {
  local part=$1 folder=$RUN/$1
  JARS=$(jars_folder)
  if [ ! -d "$folder" ]; then
    mkdir -p "$folder"
    kafka_certificate
    kafka_properties "$part" >"$folder/server.properties"
    kafka_class kafka.tools.StorageTool format -t tokrelayE2EstackClust -c "$folder/server.properties" \
      --add-scram 'SCRAM-SHA-256=[name=app,password=app-password]' --add-scram 'SCRAM-SHA-512=[name=app,password=app-password]' \
      >"$LOGS/$part-format.log" 2>&1 || { cat "$LOGS/$part-format.log" >&2; return 1; }
  fi
  launch "$part" java -Xmx512m "${JAVA_LEAN[@]}" -Dlog4j2.configurationFile="$here/parts/log4j2.xml" -cp "$JARS/broker/*" \
    kafka.Kafka "$folder/server.properties"
}

# One certificate for all brokers: it is its own authority, and only this run trusts it.
kafka_certificate() {
  local store=$RUN/tls/broker.p12
  [ ! -f "$store" ] || return 0
  mkdir -p "$RUN/tls"
  keytool -genkeypair -alias broker -keyalg EC -groupname secp256r1 -dname CN=localhost -ext SAN=dns:localhost,ip:127.0.0.1 \
    -ext bc:c -validity 30 -storetype PKCS12 -keystore "$store" -storepass stack-password >/dev/null 2>&1
  keytool -exportcert -rfc -alias broker -keystore "$store" -storepass stack-password >"$RUN/tls/ca.pem" 2>/dev/null
}

kafka_voters() {
  local id out=
  for ((id = 1; id <= BROKERS; id++)); do out+=",$id@127.0.0.1:$((KAFKA_PORT + 10 * (id - 1) + 1))"; done
  echo "${out#,}"
}

kafka_properties() {
  local port isr=1
  port=$(kafka_port "$1")
  [ "$BROKERS" = 1 ] || isr=2
  cat <<TEXT
process.roles=broker,controller
node.id=$(kafka_node "$1")
controller.quorum.voters=$(kafka_voters)
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:$port,CONTROLLER://127.0.0.1:$((port + 1)),SASL://127.0.0.1:$((port + 2)),TLS://127.0.0.1:$((port + 3)),BOTH://127.0.0.1:$((port + 4)),PROXIED://127.0.0.1:$((port + 5))
advertised.listeners=PLAINTEXT://127.0.0.1:$port,SASL://127.0.0.1:$((port + 2)),TLS://127.0.0.1:$((port + 3)),BOTH://127.0.0.1:$((port + 4)),PROXIED://127.0.0.1:$((port + 6))
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,SASL:SASL_PLAINTEXT,TLS:SSL,BOTH:SASL_SSL,PROXIED:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
sasl.enabled.mechanisms=SCRAM-SHA-256,SCRAM-SHA-512,PLAIN
$(kafka_logins sasl)
$(kafka_logins both)
$(kafka_keys tls)
$(kafka_keys both)
authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
super.users=User:ANONYMOUS;User:admin
log.dirs=$RUN/$1/data
num.partitions=3
default.replication.factor=$BROKERS
min.insync.replicas=$isr
offsets.topic.replication.factor=$BROKERS
offsets.topic.num.partitions=5
transaction.state.log.num.partitions=5
transaction.state.log.replication.factor=$BROKERS
transaction.state.log.min.isr=$isr
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor=$BROKERS
share.coordinator.state.topic.min.isr=$isr
group.initial.rebalance.delay.ms=0
group.consumer.min.session.timeout.ms=6000
group.consumer.session.timeout.ms=10000
auto.create.topics.enable=true
log.cleaner.dedupe.buffer.size=16777216
log.cleaner.backoff.ms=500
log.retention.check.interval.ms=1000
log.initial.task.delay.ms=500
TEXT
}

# kafka_logins LISTENER: who may log in there, and how.
kafka_logins() {
  cat <<TEXT
listener.name.$1.scram-sha-256.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.$1.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.$1.plain.sasl.jaas.config=org.apache.kafka.common.security.plain.PlainLoginModule required user_app="app-password";
TEXT
}

# kafka_keys LISTENER: its certificate.
kafka_keys() {
  cat <<TEXT
listener.name.$1.ssl.keystore.type=PKCS12
listener.name.$1.ssl.keystore.location=$RUN/tls/broker.p12
listener.name.$1.ssl.keystore.password=stack-password
listener.name.$1.ssl.key.password=stack-password
TEXT
}

kafka_ready() { kcat -b "127.0.0.1:$(kafka_port "$1")" -L -m 3 -J | grep -q '"controllerid":[1-9]'; }

kafka_stop() { terminate "$1"; }
