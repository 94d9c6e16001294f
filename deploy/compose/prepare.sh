#!/bin/sh
# Gives each service its secrets and its stores, under the user that the images run as. Run again, it renews them.
set -eu
user=10001
for name in applications agreements pseudonymisation dissemination objects; do
  for file in /given/"$name"/*; do
    install -o "$user" -g "$user" -m 0400 "$file" "/secrets/$name/"
  done
  chown "$user:$user" "/secrets/$name" "/state/$name"
  chmod 0500 "/secrets/$name"
done
for name in kafka keycloak; do # with docker-compose.tls.yml: certificates, for the user of both images
  [ -d "/secrets/$name" ] || continue
  for file in /given/tls/"$name"/*; do
    install -o 1000 -g 1000 -m 0400 "$file" "/secrets/$name/"
  done
  chown 1000:1000 "/secrets/$name"
  chmod 0500 "/secrets/$name"
done
for service in applications agreements pseudonymisation dissemination; do
  install -d -o "$user" -g "$user" -m 0700 "/state/$service/checkpoints"
done
install -d -o "$user" -g "$user" -m 0700 /state/pseudonymisation/keys /state/pseudonymisation/scratch
chown "$user:$user" /state/key-backups
chmod 0700 /state/key-backups
