#!/bin/sh
# The S3 server over a directory, with the credential of who makes accounts.
set -eu
ROOT_ACCESS_KEY_ID=root
ROOT_SECRET_ACCESS_KEY=$(cat /run/secrets/root)
export ROOT_ACCESS_KEY_ID ROOT_SECRET_ACCESS_KEY
mkdir -p /var/lib/objects/accounts /var/lib/objects/buckets
exec versitygw --port :7070 --health /health --iam-dir /var/lib/objects/accounts posix /var/lib/objects/buckets
