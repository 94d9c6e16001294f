#!/usr/bin/env bash
# Starts a JVM and ends as it does, but that a JVM told to end (SIGTERM) ends with 143, which is no failure: with 0.
set -u
"$@" &
jvm=$!
trap 'told=yes; kill -TERM "$jvm"' TERM INT
told="" code=0
while kill -0 "$jvm" 2>/dev/null; do wait "$jvm"; code=$?; done # a trap ends a wait early
[ -n "$told" ] && [ "$code" = 143 ] && exit 0
exit "$code"
