#!/bin/sh
# Gives each service its secrets and its stores, under the user that the images run as. Run again, it renews them.
set -eu
user=10001
for service in applications agreements pseudonymisation dissemination; do
  for file in /given/"$service"/*; do
    install -o "$user" -g "$user" -m 0400 "$file" "/secrets/$service/"
  done
  chown "$user:$user" "/secrets/$service" "/state/$service"
  chmod 0500 "/secrets/$service"
  install -d -o "$user" -g "$user" -m 0700 "/state/$service/checkpoints"
done
install -d -o "$user" -g "$user" -m 0700 /state/pseudonymisation/landing /state/pseudonymisation/keys
chown "$user:$user" /release
