"""Tell the brokers what each service may do, by the name in its certificate (acls.csv).

Run again, it changes nothing. It needs kafka-python, which every image of ours has; the
certificate is that of somebody whom the brokers let change rights.

    python deploy/kafka/acls.py --bootstrap kafka.example.internal:9093
        --authority ca.crt --certificate admin.crt --key admin.key
"""

import argparse
import csv
from collections.abc import Mapping
from pathlib import Path

from kafka import KafkaAdminClient
from kafka.admin import (
    ACL,
    ACLOperation,
    ACLPermissionType,
    ACLResourcePatternType,
    ResourcePattern,
    ResourceType,
)

LISTED = Path(__file__).with_name("acls.csv")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("bootstrap", "authority", "certificate", "key"):
        parser.add_argument(f"--{name}", required=True)
    told = parser.parse_args()
    admin = KafkaAdminClient(
        bootstrap_servers=told.bootstrap.split(","),
        security_protocol="SSL",
        ssl_cafile=told.authority,
        ssl_certfile=told.certificate,
        ssl_keyfile=told.key,
    )
    try:
        answer = admin.create_acls(rights())
    finally:
        admin.close()
    if answer["failed"]:
        raise SystemExit(f"not told: {answer['failed']}")


def rights() -> list[ACL]:
    with LISTED.open(encoding="utf-8") as file:
        return [
            _right(one, operation)
            for one in csv.DictReader(file)
            for operation in one["operations"].split()
        ]


def _right(one: Mapping[str, str], operation: str) -> ACL:
    return ACL(
        principal=f"User:CN={one['service']}",
        host="*",
        operation=ACLOperation[operation.upper()],
        permission_type=ACLPermissionType.ALLOW,
        resource_pattern=ResourcePattern(
            ResourceType[one["resource"].upper()],
            one["name"],
            ACLResourcePatternType[one["pattern"].upper()],
        ),
    )


if __name__ == "__main__":
    main()
