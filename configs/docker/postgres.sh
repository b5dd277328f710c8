#!/bin/sh
# Run by the image of PostgreSQL when its volume is new: the supervisor's role, which
# may connect to its database and make schemas in it, and nothing else.
set -eu

export PASSWORD_FILE="${PASSWORD_FILE:-/run/secrets/custodian_postgres_password}"

# psql reads the password itself: command lines can be read by others.
psql --no-psqlrc --quiet --set ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\set password `cat "$PASSWORD_FILE"`
CREATE ROLE custodian_adapter LOGIN PASSWORD :'password';
CREATE DATABASE trading_ecosystem;
REVOKE ALL ON DATABASE trading_ecosystem FROM PUBLIC;
GRANT CONNECT, CREATE ON DATABASE trading_ecosystem TO custodian_adapter;
SQL
