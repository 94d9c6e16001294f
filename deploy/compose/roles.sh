#!/bin/bash
# One role, one password and one database a service: nobody reads another's tables. Run again, it sets the passwords
# that `dsfc keys` made and leaves the rest as it is.
set -euo pipefail
PGPASSWORD=$(cat /given/superuser)
export PGPASSWORD
for service in applications agreements pseudonymisation dissemination; do
  psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres \
    --set role="$service" --set password="$(cat "/given/$service")" <<'SQL'
SELECT format('CREATE ROLE %I LOGIN', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" PASSWORD :'password' NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION NOBYPASSRLS;
SELECT format('CREATE DATABASE %I OWNER %I', :'role', :'role')
  WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'role') \gexec
REVOKE ALL ON DATABASE :"role" FROM PUBLIC;
SQL
done
psql --quiet --no-psqlrc --set ON_ERROR_STOP=1 --dbname postgres --command 'REVOKE ALL ON DATABASE postgres, template1 FROM PUBLIC'
