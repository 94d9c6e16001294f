#!/bin/sh
# Puts a service's own code into /opt/dsfc, the same bytes for the same input: lib/ (the wheels of the service and of
# the libraries that it uses, compiled), bin/service, sbom.cdx.json (CycloneDX) and provenance.json.
#   assemble.sh SERVICE REVISION    in the build stage of the Dockerfile, from the root of the repository
set -eu
service=$1 revision=$2 to=/opt/dsfc
: "${SOURCE_DATE_EPOCH:=0}"
export SOURCE_DATE_EPOCH PYTHONHASHSEED=0
umask 022

export_lock() { python -m uv export --frozen --quiet --no-dev --no-editable --package "dsfc-$service" "$@"; }

mkdir -p "$to/bin"
for folder in $(export_lock --no-hashes | sed -n 's/^\.\///p'); do
  python -m uv build --quiet --wheel --out-dir /wheels "$folder"
done
python -m uv pip install --quiet --no-deps --target "$to/lib" /wheels/*.whl
# Where and when it was installed is no part of what it is.
rm -rf "$to/lib/.lock"
find "$to/lib" \( -name uv_cache.json -o -name direct_url.json -o -name RECORD \) -delete
python -m compileall -q -j 1 --invalidation-mode unchecked-hash -s "$to/lib" -p "$to/lib" "$to/lib"

cat > "$to/bin/service" <<'EOF'
#!/bin/sh
exec python -m "$SERVICE.cli" "$@"
EOF
chmod 0755 "$to/bin/service"

export_lock --format cyclonedx1.5 > /tmp/bill.json
python deploy/image/describe.py "$service" "$revision" "$SOURCE_DATE_EPOCH" "$to" < /tmp/bill.json
chmod -R u=rwX,go=rX "$to"
find "$to" -exec touch -h -d "@$SOURCE_DATE_EPOCH" {} +
