#!/usr/bin/env bash
# A Docker engine on a machine that has none, in a network namespace of its own: nothing of the host's network changes.
#   engine.sh start DIR    then: export DOCKER_HOST=unix://DIR/docker.sock
#   engine.sh stop DIR     ends what it started, by id
#   engine.sh inside DIR COMMAND …    runs a command where published ports are
# Needs root, and the packages of `engine.sh packages`.
set -euo pipefail

packages="docker.io iptables slirp4netns iproute2 docker-compose mmdebstrap"
what=${1:?start, stop, inside or packages} dir=${2:-}

born() { awk '{print $22}' "/proc/$1/stat" 2>/dev/null; } # when a process began: its id may be another's by now
remember() { echo "$2 $(born "$2")" > "$dir/$1.began"; }

ended() { # whether a process is gone, waiting up to 20 s
  for _ in $(seq 200); do kill -0 "$1" 2>/dev/null || return 0; sleep 0.1; done
  return 1
}

start() {
  mkdir -p "$dir/data" "$dir/exec"
  rm -f "$dir"/*.pid
  setsid unshare --net -- bash -c 'echo $$ > "$0/ns.pid"; exec sleep infinity' "$dir" </dev/null >/dev/null 2>&1 &
  for _ in $(seq 50); do [ -s "$dir/ns.pid" ] && break; sleep 0.1; done
  local ns; ns=$(cat "$dir/ns.pid")
  remember ns "$ns"
  # Registries are reached through it; this machine's own ports are not.
  setsid slirp4netns --configure --mtu=1400 --disable-host-loopback "$ns" tap0 </dev/null >"$dir/slirp.log" 2>&1 &
  remember slirp $!
  for _ in $(seq 50); do nsenter -t "$ns" -n ip addr show tap0 2>/dev/null | grep -q 'inet ' && break; sleep 0.1; done
  setsid nsenter -t "$ns" -n dockerd --host "unix://$dir/docker.sock" --data-root "$dir/data" --exec-root "$dir/exec" \
    --pidfile "$dir/dockerd.pid" --dns 10.0.2.3 </dev/null >"$dir/dockerd.log" 2>&1 &
  for _ in $(seq 100); do
    [ -s "$dir/dockerd.pid" ] && remember dockerd "$(cat "$dir/dockerd.pid")"
    if docker -H "unix://$dir/docker.sock" version >/dev/null 2>&1; then echo "unix://$dir/docker.sock"; return; fi
    sleep 0.2
  done
  tail -5 "$dir/dockerd.log" >&2
  exit 1
}

stop() {
  for name in dockerd slirp ns; do
    [ -s "$dir/$name.began" ] || continue
    local id began; read -r id began < "$dir/$name.began"
    rm -f "$dir/$name.began"
    [ "$(born "$id")" = "$began" ] || continue
    kill "$id" 2>/dev/null || true
    ended "$id" || kill -9 "$id"
  done
}

case "$what" in
  packages) echo "$packages" ;;
  start) : "${dir:?a directory for the engine}"; start ;;
  stop) : "${dir:?the directory of the engine}"; stop ;;
  inside) shift 2; exec nsenter -t "$(cat "$dir/ns.pid")" -n "$@" ;;
  *) echo "start, stop, inside or packages" >&2; exit 2 ;;
esac
