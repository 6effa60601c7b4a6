#!/usr/bin/env bash
# A real S3 server for the tests: Ceph's object gateway over one monitor and one
# storage daemon that keeps everything in memory. On loopback, as whoever calls,
# with all it writes in one folder. It makes conditional PUTs atomic.
#
#   tests/s3/server.sh start DIR   start it and print what the tests want to know
#                                  as `export` lines, for `eval`
#   tests/s3/server.sh stop DIR    end what `start DIR` started
#
# Installs nothing. On Debian it needs these packages:
#   ceph-mon ceph-osd ceph-common radosgw uuid-runtime curl
set -euo pipefail

usage() { sed -n '2,/^[^#]/s/^# \{0,1\}//p' "$0" >&2; exit 2; }
[ $# = 2 ] || usage
# Ceph's sockets live in it, whose paths must be shorter than about 100 bytes.
dir=$(realpath --canonicalize-missing "$2")
conf=$dir/ceph.conf

say() { printf 'tests/s3: %s\n' "$*" >&2; }

# Ends the daemons whose ids stand in DIR, the gateway first. An id that has
# passed to another program since is left alone.
stop() {
    local name file pid
    for name in gateway storage monitor; do
        file=$dir/$name.pid
        [ -e "$file" ] || continue
        pid=$(cat "$file")
        for signal in TERM KILL; do
            for _ in $(seq 50); do
                grep --quiet --text --fixed-strings "$conf" "/proc/$pid/cmdline" 2> /dev/null || break 2
                kill -s "$signal" "$pid" 2> /dev/null || break 2
                sleep 0.1
            done
        done
        rm -f "$file"
    done
}

# NAME COMMAND...: runs it beside us, its id and its words in DIR.
launch() {
    local name=$1
    shift
    nohup "$@" --conf "$conf" --foreground < /dev/null > "$dir/log/$name.out" 2>&1 &
    echo $! > "$dir/$name.pid"
}

# SECONDS COMMAND...: until it succeeds.
await() {
    local until=$((SECONDS + $1))
    shift
    until "$@" > /dev/null 2>&1; do
        [ "$SECONDS" -lt "$until" ] || return 1
        sleep 0.2
    done
}

storage_is_up() { ceph --conf "$conf" --connect-timeout 5 osd stat | grep --quiet ' 1 up'; }

storage_is_up_or_gone() { ! kill -0 "$(cat "$dir/storage.pid")" || storage_is_up; }

# One that nobody listens on, below those that the system hands out itself.
free_port() {
    local port
    for _ in $(seq 100); do
        port=$((20000 + RANDOM % 12000))
        (: < "/dev/tcp/127.0.0.1/$port") 2> /dev/null || { echo "$port"; return; }
    done
    say "found no free port"
    return 1
}

# MONITOR_PORT GATEWAY_PORT CLUSTER_ID
configure() {
    mkdir -p "$dir"/{log,asok,monitor,storage,gateway}
    cat > "$conf" << END
[global]
fsid = $3
mon_host = v1:127.0.0.1:$1
mon_initial_members = a
public_network = 127.0.0.0/8
ms_bind_msgr2 = false
# Nobody but this user reaches loopback sockets that a test run opens.
auth_cluster_required = none
auth_service_required = none
auth_client_required = none
# One copy on one daemon is as it should be.
osd_pool_default_size = 1
osd_pool_default_min_size = 1
osd_pool_default_pg_num = 4
osd_crush_chooseleaf_type = 0
mon_allow_pool_size_one = true
mon_max_pg_per_osd = 1000
mon_warn_on_pool_no_redundancy = false
run_dir = $dir
admin_socket = $dir/asok/\$name
log_file = $dir/log/\$name.log
pid_file =
[mon]
mon_data = $dir/monitor
[osd]
osd_data = $dir/storage
osd_objectstore = memstore
memstore_device_bytes = 4294967296
# The gateway's bucket index is code that the daemon loads.
osd_class_load_list = *
osd_class_default_list = *
[client.rgw]
rgw_data = $dir/gateway
# Without the last word each answer waits for the one before to be confirmed: 40 ms.
rgw_frontends = beast endpoint=127.0.0.1:$2 tcp_nodelay=1
END
}

start() {
    local program monitor gateway cluster storage key secret
    for program in ceph ceph-mon ceph-osd monmaptool radosgw radosgw-admin uuidgen curl; do
        command -v "$program" > /dev/null || {
            say "$program is not here; Debian's packages: ceph-mon ceph-osd ceph-common radosgw uuid-runtime curl"
            return 1
        }
    done
    stop
    rm -rf "$dir"
    monitor=$(free_port) gateway=$(free_port) cluster=$(uuidgen)
    configure "$monitor" "$gateway" "$cluster"

    monmaptool --create --addv a "[v1:127.0.0.1:$monitor]" --fsid "$cluster" "$dir/monmap" > /dev/null
    ceph-mon --conf "$conf" --id a --mkfs --monmap "$dir/monmap"
    launch monitor ceph-mon --id a
    await 30 ceph --conf "$conf" --connect-timeout 5 status || { say "the monitor does not answer"; return 1; }

    # The daemon must be made under the very id it is announced with.
    storage=$(uuidgen)
    ceph --conf "$conf" osd new "$storage" > /dev/null
    ceph-osd --conf "$conf" --id 0 --mkfs --osd-uuid "$storage" > /dev/null 2>&1
    # It gives up where it asks the monitor before it has learnt which cluster
    # it is in, which on one machine it sometimes does.
    for _ in $(seq 5); do
        launch storage ceph-osd --id 0
        await 10 storage_is_up_or_gone
        ! kill -0 "$(cat "$dir/storage.pid")" 2> /dev/null || break
    done
    await 10 storage_is_up || { say "the storage daemon does not come up"; return 1; }

    launch gateway radosgw --name client.rgw
    await 60 curl --silent --fail "http://127.0.0.1:$gateway" || { say "the gateway does not answer"; return 1; }

    key=test$RANDOM secret=$(uuidgen)$(uuidgen)
    radosgw-admin --conf "$conf" user create --uid tests --display-name tests \
        --access-key "$key" --secret-key "$secret" > /dev/null 2> "$dir/log/user.out"
    curl --silent --show-error --fail --request PUT --header "x-amz-content-sha256: UNSIGNED-PAYLOAD" \
        --aws-sigv4 aws:amz:us-east-1:s3 --user "$key:$secret" \
        "http://127.0.0.1:$gateway/stedi"
    cat << END
export STEDI_TEST_S3=http://127.0.0.1:$gateway
export STEDI_TEST_S3_BUCKET=stedi
export STEDI_TEST_S3_KEY=$key
export STEDI_TEST_S3_SECRET=$secret
END
}

# Says what the daemons said, and leaves none of them behind.
give_up() {
    say "could not be started:"
    tail --lines 5 "$dir"/log/*.out >&2 2> /dev/null || true
    stop
}

case $1 in
    start)
        trap give_up EXIT
        start
        trap - EXIT
        ;;
    stop) stop ;;
    *) usage ;;
esac
