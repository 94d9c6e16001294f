"""A support under section 251 that lapses while an agreement relies on it, and is extended."""

from dataclasses import replace
from datetime import timedelta
from typing import Final

from dsfc_cli.demo.answers import Wanted, sections_of
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


def of_invoices(scene: Scene) -> Wanted:
    """Let there be an environment for finance, and return what it is for: a month of invoices."""
    month = scene.sandbox.month
    environment = {"organisation": CSU, "kind": "ceff", "clients": [CLIENT]}
    scene.actor("body-contracts").agreements.post("/v1/recipient-environments", environment)
    register = f"organisation,hosted_for,valid_from,valid_to\n{CSU},,{BEGUN},\n"
    scene.actor("body-reference-data").agreements.upload_csv(
        "/v1/environment-registers/ceff/imports",
        register.encode(),
        listed_on=scene.stage.today.isoformat(),
    )
    wanted = wanted_of(
        Purposes(scene), "IV", CSU, classification="IDENTIFIABLE", fields=FIELDS | INVOICE_FIELDS
    )
    flows = [replace(flow, first_month=month, last_month=month) for flow in wanted.flows]
    return replace(wanted, flows=flows)


def record(scene: Scene, until: str) -> None:
    """Record the support, or until when it is extended."""
    approval = {"reference": APPROVAL, "purposes": ["IV"], "valid_from": "2013-04-01"}
    scene.actor("body-reference-data").agreements.record_section_251_approval(
        approval | {"valid_to": until}
    )


def lapses_and_is_extended(scene: Scene) -> None:
    """Tell it. Raises ClaimFailed at the first claim that does not hold."""
    journey, stage = scene.journey, scene.stage
    journey.chapter("A support under section 251 lapses, and is extended")
    body = scene.actor("body-contracts").agreements
    wanted = of_invoices(scene)
    end = end_of(sections_of(wanted))
    record(scene, end)
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
    record(scene, (stage.today - timedelta(days=1)).isoformat())
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
    record(scene, end)
    journey.claim("Extended, it counts from today on", "requested", door.request(asked).state)
