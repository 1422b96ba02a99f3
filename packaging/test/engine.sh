# A private engine for the scripts here, to be sourced: start_engine, container, api, stop_engine. Its programs come from .ci/engines.
# shellcheck shell=bash
engines=${DOCKLOG_ENGINES:-/opt/docklog-engines}

# need PROGRAM: installs the package of that name if the program isn't there.
need() {
    command -v "$1" >/dev/null || { apt-get -q update && apt-get -q install -y --no-install-recommends "$1"; } >&2
}

# start_engine VERSION FOLDER: version 20 or 28. It has an image: busybox.
start_engine() {
    local bin=$engines/docker-$1/bin flags=()
    engine=$2
    [ -x "$bin/dockerd" ] || { echo "no engine in $bin: run .ci/engines" >&2; return 1; }
    need curl
    need jq
    [ "$1" = 20 ] || flags=(--userland-proxy=false)
    mkdir -p "$engine/image/bin"
    PATH=$bin:$PATH "$bin/dockerd" -H "unix://$engine/docker.sock" --data-root "$engine/data" --exec-root "$engine/exec" \
        --pidfile "$engine/pid" --bridge=none --iptables=false --ip6tables=false --exec-opt native.cgroupdriver=cgroupfs \
        --containerd-namespace "packages-$$" --containerd-plugins-namespace "packages-plugins-$$" "${flags[@]}" \
        >"$engine/dockerd.log" 2>&1 &
    for _ in {1..300}; do api GET /_ping >/dev/null 2>&1 && break; sleep 0.1; done
    cp "$engines/busybox" "$engine/image/bin/busybox"
    for applet in sh cat sleep usleep; do ln -sf busybox "$engine/image/bin/$applet"; done
    tar -C "$engine/image" -c bin | image busybox
}

# api METHOD PATH [JSON]
api() {
    local body=()
    [ $# -lt 3 ] || body=(-H 'Content-Type: application/json' -d "$3")
    curl -sS --fail-with-body --unix-socket "$engine/docker.sock" -X "$1" "${body[@]}" "http://engine$2"
}

# image NAME: makes it of a tar archive on stdin.
image() {
    curl -sS --fail --unix-socket "$engine/docker.sock" -X POST -H 'Content-Type: application/x-tar' --data-binary @- \
        "http://engine/images/create?fromSrc=-&repo=$1&tag=latest" >/dev/null
}

# container NAME SCRIPT: runs a shell script in it.
container() {
    api POST "/containers/create?name=$1" "$(jq -n --arg script "$2" \
        '{Image: "busybox", Cmd: ["sh", "-c", $script], StopSignal: "SIGKILL", HostConfig: {NetworkMode: "none"}}')" >/dev/null
    api POST "/containers/$1/start"
}

# stop_engine: with all its containers, mounts and files.
stop_engine() {
    local id
    [ -s "${engine-}/pid" ] || return 0
    for id in $(api GET '/containers/json?all=1' | jq -r '.[].Id'); do api DELETE "/containers/$id?force=1" || true; done
    kill "$(cat "$engine/pid")"
    while [ -e "$engine/pid" ]; do sleep 0.1; done
    awk -v at="$engine/" 'index($2, at) == 1 { print $2 }' /proc/mounts | sort -r | while read -r at; do umount -l "$at"; done
    rm -rf "$engine"
}
