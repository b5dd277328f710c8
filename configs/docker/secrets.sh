#!/bin/sh
# Makes the passwords, tokens and the key of compose.yaml, once, in secrets/ beside it.
# Whoever may read that directory can do everything; git and the image leave it out.
#
#     operator_token     for the admin API and the console
#     prometheus_token   for the admin API, role read
#     desk_key           for callers of the custodians
#     grafana_password   of Grafana's user admin
set -eu
cd "$(dirname "$0")"

directory=${1:-secrets}
if [ -e "$directory" ]; then
	echo "$directory is there already: nothing was changed. Remove it, and the volumes whose passwords are in it, to begin anew." >&2
	exit 1
fi

random() { od -An -tx1 -N32 /dev/urandom | tr -d ' \n'; }
hash() { printf %s "$1" | { sha256sum 2>/dev/null || shasum -a 256; } | cut -d ' ' -f 1; }

# Only the owner gets into the directory. The files can be read by all, since the
# containers that they are mounted into run as users of their own. They are written
# to a directory beside it, so that it is there completely or not at all.
umask 022
unfinished=$(mktemp -d "$directory.XXXXXX")
trap 'rm -rf "$unfinished"' EXIT

postgres=$(random) redis=$(random) operator=$(random) prometheus=$(random) desk=$(random)
put() { printf %s "$2" >"$unfinished/$1"; }
put postgres_password "$(random)"
put custodian_postgres_password "$postgres"
put grafana_password "$(random)"
put operator_token "$operator"
put prometheus_token "$prometheus"
put desk_key "$desk"

cat >"$unfinished/redis_users" <<END
user default on nopass -@all +ping
user custodian-adapter on #$(hash "$redis") ~custodian:* +@read +@write +@keyspace +ping -@dangerous
END

cat >"$unfinished/custodian.yaml" <<END
admin:
  tokens:
    - {name: operator, sha256: "$(hash "$operator")"}
    - {name: prometheus, sha256: "$(hash "$prometheus")", role: read}
storage: {postgres: {url: "postgres://custodian_adapter:$postgres@postgres:5432/trading_ecosystem"}}
redis: {url: "redis://custodian-adapter:$redis@redis:6379/0"}
defaults:
  api_keys:
    - {name: desk, sha256: "$(hash "$desk")"}
END

mv "$unfinished" "$directory"
echo "made $directory"
