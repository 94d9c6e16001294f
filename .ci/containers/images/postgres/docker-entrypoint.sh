#!/bin/bash
# What docker-compose.yml and testcontainers use of the published image's entry point: POSTGRES_USER, POSTGRES_DB,
# POSTGRES_PASSWORD or its file, and the scripts of /docker-entrypoint-initdb.d; root steps down to postgres.
set -euo pipefail

user=${POSTGRES_USER:-postgres} database=${POSTGRES_DB:-${POSTGRES_USER:-postgres}}
[ -z "${POSTGRES_PASSWORD_FILE:-}" ] || { POSTGRES_PASSWORD=$(cat "$POSTGRES_PASSWORD_FILE"); export POSTGRES_PASSWORD; unset POSTGRES_PASSWORD_FILE; }
if [ "$(id -u)" = 0 ]; then
  [ "$1" = postgres ] || exec "$@"
  install -d -o postgres -m 0700 "$PGDATA"
  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"
fi
if [ "$1" = postgres ] && [ ! -s "$PGDATA/PG_VERSION" ]; then
  : "${POSTGRES_PASSWORD:?a password for the first role}"
  initdb -D "$PGDATA" -U "$user" --encoding=UTF8 --auth-local=trust --auth-host=scram-sha-256 \
    --pwfile=<(printf '%s' "$POSTGRES_PASSWORD") >/dev/null
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
  pg_ctl -D "$PGDATA" -o "-c listen_addresses=" -w start >/dev/null
  [ "$database" = postgres ] || createdb -U "$user" "$database"
  shopt -s nullglob
  for file in /docker-entrypoint-initdb.d/*; do
    case "$file" in
      *.sql) psql -v ON_ERROR_STOP=1 -U "$user" -d "$database" -f "$file" ;;
      *.sh) . "$file" ;;
    esac
  done
  pg_ctl -D "$PGDATA" -m fast -w stop >/dev/null
fi
unset POSTGRES_PASSWORD
[ "$1" = postgres ] && exec "$@" -c "listen_addresses=*"
exec "$@"
