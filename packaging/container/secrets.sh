#!/bin/sh
# Makes the secrets of compose.yaml, once: a second run changes nothing.
set -eu
cd "$(dirname "$0")"
if [ -e secrets ]; then
    echo "there are secrets already; remove the folder for new ones (the database keeps the old)" >&2
    exit 1
fi
umask 077
mkdir secrets.new
password=$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')
role=linux_api
printf '%s' "$password" >secrets.new/database_password
url() { printf 'postgres://%s:%s@%s/%s\n' "$role" "$password" "$1" "$role" >"secrets.new/$2"; }
url database:5432 direct_url
url pgbouncer:6432 pgbouncer_url
url pgpool:9999 pgpool_url
# Compose mounts these as they are, and the daemon is another account there.
chmod 0444 secrets.new/direct_url secrets.new/pgbouncer_url secrets.new/pgpool_url
printf 'DB_HOST=database\nDB_USER=%s\nDB_PASSWORD=%s\nDB_NAME=%s\n' "$role" "$password" "$role" \
    >secrets.new/pgbouncer.env
printf 'PGPOOL_PASSWORD_USER=%s\nPOSTGRES_USERNAME=%s\nPOSTGRES_PASSWORD=%s\n' "$role" "$role" \
    "$password" >secrets.new/pgpool.env
mv secrets.new secrets
echo "secrets are in $PWD/secrets; keep the folder private and out of version control"
