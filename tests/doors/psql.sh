#!/bin/sh
# What psql asks of a lake's Postgres door: `psql.sh "host=... port=... user=..."`.
# Prints the answers; fails at the first statement that is refused.
set -eu
out=$(mktemp)
trap 'rm -f "$out"' EXIT
PGCONNECT_TIMEOUT=10 psql "$1" -X -q -v ON_ERROR_STOP=1 <<SQL
\conninfo
\l
\dn
\d
\dt
\dt+ lakehouse.*
\dt system.*
\d machine_learning_curated
\d+ lakehouse.machine_learning_curated
\dv
\di
\df
\du
\dT
\z
\x on
select count(*) as rows from machine_learning_curated;
\x off
\copy (select serialnumber, count(*) as n from machine_learning_curated group by serialnumber order by 2 desc limit 3) to '$out' csv header
begin;
declare c cursor for select * from machine_learning_curated;
fetch 2 from c;
close c;
commit;
prepare p as select count(*) from machine_learning_curated where x > \$1;
execute p(0);
SQL
cat "$out"
