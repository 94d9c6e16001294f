"""A support under section 251 that lapses while an agreement relies on it, and is extended."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from dsfc_cli.demo.answers import sections_of
from dsfc_cli.demo.chapters.purposes import APPROVAL, for_invoices
from dsfc_cli.demo.chapters.same_people import (
    CSU,
    FIELDS,
    INVOICE_FIELDS,
    Purposes,
    end_of,
    wanted_of,
)
from dsfc_cli.demo.chapters.scene import Scene
from dsfc_cli.demo.sandbox import body_of
from dsfc_cli.demo.stage import BEGUN

CLIENT: Final = "csu-0df-ceff"


def lapses_and_is_extended(scene: Scene) -> None:
    """Tell it. Raises ClaimFailed at the first claim that does not hold."""
    journey, stage, month = scene.journey, scene.stage, scene.sandbox.month
    journey.chapter("A support under section 251 lapses, and is extended")
    body = scene.actor("body-contracts").agreements
    loader = scene.actor("body-reference-data").agreements
    body.post(
        "/v1/recipient-environments", {"organisation": CSU, "kind": "ceff", "clients": [CLIENT]}
    )
    register = f"organisation,hosted_for,valid_from,valid_to\n{CSU},,{BEGUN},\n"
    path = "/v1/environment-registers/ceff/imports"
    loader.upload_csv(path, register.encode(), listed_on=stage.today.isoformat())
    wanted = wanted_of(
        Purposes(scene), "IV", CSU, classification="IDENTIFIABLE", fields=FIELDS | INVOICE_FIELDS
    )
    flows = [replace(flow, first_month=month, last_month=month) for flow in wanted.flows]
    wanted = replace(wanted, flows=flows)
    end = end_of(sections_of(wanted))

    def recorded(until: str) -> None:
        approval = {"reference": APPROVAL, "purposes": ["IV"], "valid_from": "2013-04-01"}
        loader.post("/v1/section-251-approvals", approval | {"valid_to": until})

    recorded(end)
    reference = stage.in_force(wanted, "Invoices of the area", for_invoices(wanted))
    asked = body_of(
        reference,
        purpose="IV",
        classification="IDENTIFIABLE",
        fields=[*FIELDS, *INVOICE_FIELDS],
        formats=["csv"],
    )
    door = scene.actor(CLIENT).dissemination
    journey.claim(
        "While it is in force, records are asked for", "requested", door.request(asked).state
    )
    recorded((stage.today - timedelta(days=1)).isoformat())
    journey.refused(
        "It ended yesterday, and with it every line that relies on it (ruling 5)",
        "S251_EXPIRED",
        lambda: door.request(asked),
    )
    journey.claim(
        "The agreement itself is not ended by that",
        "ACTIVE",
        body.agreement(reference).state,
    )
    recorded(end)
    journey.claim("Extended, it counts from today on", "requested", door.request(asked).state)
