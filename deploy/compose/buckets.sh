#!/bin/sh
# One account a use, and two buckets. Run again, it sets the secrets that `dsfc keys` made and leaves the rest as it is.
set -eu
ADMIN_ACCESS_KEY_ID=root
ADMIN_SECRET_ACCESS_KEY=$(cat /run/secrets/root)
export ADMIN_ACCESS_KEY_ID ADMIN_SECRET_ACCESS_KEY
admin() { versitygw admin --endpoint-url http://objects:7070 "$@"; }
is_listed() { grep -q "^$1 "; }

for account in landing release-writer release-reader; do
  secret=$(cat "/run/secrets/$account")
  if admin list-users | is_listed "$account"; then
    admin update-user --access "$account" --secret "$secret"
  else
    admin create-user --access "$account" --secret "$secret" --role user
  fi
done
admin list-buckets | is_listed dsfc-landing || admin create-bucket --bucket dsfc-landing --owner landing
admin list-buckets | is_listed dsfc-release || admin create-bucket --bucket dsfc-release --owner release-writer \
  --object-ownership BucketOwnerPreferred --grant-read release-reader
