"""What each service may do at the brokers is what its code does there (deploy/kafka/acls.csv)."""

import csv
from importlib import import_module
from pathlib import Path

import pytest

from common.messaging.consumer import DEAD_LETTER_SUFFIX

ROOT = Path(__file__).parents[2]
WRITES, READS = "Create Describe Write", "Create Describe Read"
CONSUMED = {
    "applications": (),
    "agreements": import_module("agreements.records.adapters.events").TOPICS,
    "pseudonymisation": import_module("pseudonymisation.preparations.adapters.events").TOPICS,
    "dissemination": import_module("dissemination.adapters.events").TOPICS,
}


def rights(service: str) -> set[tuple[str, str, str, str]]:
    with (ROOT / "deploy" / "kafka" / "acls.csv").open(encoding="utf-8") as file:
        return {
            (one["operations"], one["resource"], one["pattern"], one["name"])
            for one in csv.DictReader(file)
            if one["service"] == service
        }


@pytest.mark.parametrize("service", CONSUMED)
def test_a_service_writes_its_own_topics_and_reads_those_that_it_consumes(service: str) -> None:
    assert rights(service) == {
        (WRITES, "topic", "prefixed", f"{service}."),
        ("Read", "group", "literal", service),
        *((READS, "topic", "literal", topic) for topic in CONSUMED[service]),
        *(
            (WRITES, "topic", "literal", f"{topic}{DEAD_LETTER_SUFFIX}")
            for topic in CONSUMED[service]
        ),
    }
