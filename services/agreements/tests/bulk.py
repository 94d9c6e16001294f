"""The first of April: agreements issued to many commissioners, and signed as one act."""

from dataclasses import dataclass
from typing import Any

from common.clock import boottime
from common.security.roles import Role
from services.agreements.tests.api.test_desk import together
from services.agreements.tests.api.test_organisations import imported
from services.agreements.tests.facts import CSU, OTHER_CCG, REFERENCE, line
from services.agreements.tests.service import NAMES, ORGANISATIONS, Service

TEMPLATES = "/v1/agreement-templates"
NAME = f"{TEMPLATES}/ccg-commissioning"
BATCHES = "/v1/agreement-batches"
IN_FORCE = "/v1/agreements-in-force"
HEADER = "controller,title,start,end,reference\n"
WHY = {"reason": "It was read, row by row."}


@dataclass(frozen=True, slots=True)
class Took:
    """Seconds by a clock that nobody sets."""

    trying: float
    """A dry run of them."""
    issuing: float
    """Handing them in, and the second person's confirmation."""
    signing: float
    """One party's signatures under all of them, as one act."""
    reading: float
    """The inbox of whoever signs last, in which all of them wait."""


def ready(service: Service) -> Service:
    """A template, and a commissioner to issue it to."""
    service.active(lines=[line(1), line(2, "DIDS")])
    service.contract(OTHER_CCG)
    registered(service, OTHER_CCG, "Z7654321")
    made = template(service)
    assert made.status_code == 201, made.text
    return service


def issued_and_signed(service: Service, many: int) -> Took:
    """Issue agreements to so many commissioners, and let their CSU sign all of them."""
    codes = [f"Q{number:03d}Z" for number in range(many)]
    listed(service, codes)
    sheet = "".join(f"{one},Commissioning,2018-06-01,2021-03-31,\n" for one in codes)
    begun = boottime()
    tried = issue(service, sheet, dry_run=True)
    trying = boottime() - begun
    assert tried.is_success, tried.text
    begun = boottime()
    handed_in = issue(service, sheet).json()
    confirmed = confirm(service, handed_in)
    issuing = boottime() - begun
    assert confirmed.status_code == 200, confirmed.text
    drafted = [
        {"reference": one["reference"], "document_hash": one["document_hash"]}
        for one in every(service, "/v1/agreements")
        if one["reference"] != REFERENCE
    ]
    begun = boottime()
    signed = together(service, Role.PROCESSOR_CONTACT, CSU, drafted)
    signing = boottime() - begun
    assert len(signed.json()["signed"]) == many
    begun = boottime()
    left = service.get("/v1/inbox", Role.DARS_APPROVER, limit=500).json()["counts"]
    reading = boottime() - begun
    assert left["sign_agreement"] == many
    return Took(trying, issuing, signing, reading)


def listed(service: Service, codes: list[str]) -> None:
    """Take these commissioners into the lists, each with its entry at the ICO."""
    rows = "".join(f"{one},NHS {one} CCG,CCG,,,2013-04-01,\n" for one in codes)
    sent = imported(service, ORGANISATIONS.split("\n", 1)[1] + rows).json()
    path = f"/v1/imports/{sent['id']}/confirmation"
    if sent["standing"]["state"] == "waiting":  # it is, where many are added
        done = service.post(path, Role.CONTRACT_MANAGER, WHY, who="second")
        assert done.status_code == 200, done.text
    for number, one in enumerate(codes):
        body = {"organisation": one, "number": f"ZA{number:06d}", "name": f"NHS {one} CCG"}
        body |= {"valid_from": "2017-11-01", "valid_to": "2019-03-31"}
        answer = service.post("/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, body)
        assert answer.is_success, answer.text


def every(service: Service, path: str) -> list[dict[str, Any]]:
    """All items of a list, page by page."""
    found: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = service.get(path, Role.CONTRACT_MANAGER, limit=200, **after).json()
        found += page["items"]
        if page["next"] is None:
            return found
        after = {"after": page["next"]}


def registered(service, ods, number, valid_to="2019-03-31"):
    body = {"organisation": ods, "number": number, "name": NAMES[ods], "valid_from": "2017-11-01"}
    answer = service.post(
        "/v1/ico-registrations", Role.REFERENCE_DATA_MANAGER, body | {"valid_to": valid_to}
    )
    assert answer.is_success, answer.text


def template(service, **changes):
    body = {"agreement": REFERENCE, "version": "v0.0", "reason": "All commission alike."}
    return service.post(f"{NAME}/versions", Role.CONTRACT_MANAGER, body | changes)


def issue(service, rows, *, number=1, role=Role.CONTRACT_MANAGER, **params):
    content = rows if isinstance(rows, bytes) else (HEADER + rows)
    return service.upload(f"{NAME}/issues", content, role, number=number, **params)


def confirm(service, batch, who="approver"):
    return service.post(f"{BATCHES}/{batch['id']}/confirmation", Role.DARS_APPROVER, WHY, who=who)
