#!/usr/bin/env bash
# Base images for a machine that can pull none, made from Debian's packages, Maven and Go under the names that our files use.
# They stand in for the published images: enough of their entry points and settings for docker-compose.yml and the
# container tests, and nothing else. What is there already stays. Needs DOCKER_HOST and the packages of engine.sh.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

have() { docker image inspect "$1" >/dev/null 2>&1; }
build() { docker build --quiet --tag "$1" "$2"; }
context() { # a copy of an image's folder, to which files are added
  cp -r "$here/images/$1" "$work/$1"
  echo "$work/$1"
}

have debian:bookworm-slim || mmdebstrap --quiet --variant=minbase bookworm - | docker import - debian:bookworm-slim

if ! have python:3.11-slim; then
  folder=$(context python)
  mkdir "$folder/certificates" # this machine's own, for registries behind a proxy; none is fine
  cp /usr/local/share/ca-certificates/*.crt "$folder/certificates/" 2>/dev/null || true
  cp "${PIP_CONFIG_FILE:-/etc/pip.conf}" "$folder/pip.conf" 2>/dev/null || touch "$folder/pip.conf"
  build python:3.11-slim "$folder"
fi
have postgres:18 || build postgres:18 "$here/images/postgres"
have jre17 || build jre17 "$here/images/jre"
if ! have apache/kafka:4.3.0; then
  folder=$(context kafka)
  mvn --quiet --batch-mode -f "$folder/pom.xml" dependency:copy-dependencies -DoutputDirectory="$folder/libs"
  build apache/kafka:4.3.0 "$folder"
fi
if ! have quay.io/keycloak/keycloak:26.4.0; then
  folder=$(context keycloak)
  mvn --quiet --batch-mode -f "$folder/pom.xml" dependency:unpack-dependencies -DoutputDirectory="$folder/unpacked"
  mv "$folder"/unpacked/keycloak-* "$folder/keycloak"
  build quay.io/keycloak/keycloak:26.4.0 "$folder"
fi
if ! have versity/versitygw:v1.8.0; then
  folder=$(context versitygw)
  program=${XDG_CACHE_HOME:-$HOME/.cache}/dsfc/versitygw-v1.8.0/versitygw # which the tests without an engine build as well
  [ -x "$program" ] || GOBIN=$(dirname "$program") go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
  cp "$program" "$folder/"
  build versity/versitygw:v1.8.0 "$folder"
fi
docker images --format '{{.Repository}}:{{.Tag}} {{.Size}}'
