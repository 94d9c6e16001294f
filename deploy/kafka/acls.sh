#!/bin/sh
# What each service may do at the brokers, by the name in its certificate (CN). Run again, it changes nothing.
#   acls.sh kafka-acls.sh --bootstrap-server kafka.example.internal:9093 --command-config admin.properties
set -eu
here=$(cd "$(dirname "$0")" && pwd)
tail -n +2 "$here/acls.csv" | while IFS=, read -r service operations resource pattern name; do
  allowed=""
  for operation in $operations; do allowed="$allowed --operation $operation"; done
  # shellcheck disable=SC2086 # a list of options
  "$@" --add --force --allow-principal "User:CN=$service" $allowed --resource-pattern-type "$pattern" \
    "--$resource" "$name" </dev/null
done
