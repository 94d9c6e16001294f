"""What the tests of agreements' facts are built of: one agreement of a CCG and its CSU, in 2018."""

from dataclasses import replace
from datetime import UTC, date, datetime
from itertools import count
from uuid import UUID

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.contract import Contract, contract_hash
from agreements.records.domain.drafting import ApprovedApplication, DraftedCondition, first_version
from agreements.records.domain.parties.relationship import ChangeKind, Relationship, Step
from agreements.records.domain.version import AgreementLine, Capacity, Party, Signature
from common.ids import canonical, digest
from common.security.principal import BODY
from statements.vocabulary import LineKey

CCG, OTHER_CCG, CSU, OTHER_CSU = "02P", "00L", "0DF", "0CX"
REFERENCE = "DARS-NIC-123456-A1B2C"
APPLICATION = UUID("019a0000-0000-7000-8000-000000000001")
START, END = date(2018, 4, 1), date(2021, 3, 31)
SIGNED = datetime(2018, 3, 1, 12, tzinfo=UTC)
NOW = datetime(2018, 6, 1, 9, tzinfo=UTC)

_numbers = count(1)


def new_id() -> UUID:
    """Ids in order, so that what comes first is first."""
    return UUID(int=next(_numbers))


def line(number=1, data_set="SUS_APC", classification="PSEUDO_ANONYMISED", purpose="COM"):
    """A line as the snapshot has it."""
    return {
        "number": number,
        "purpose": purpose,
        "data_set": data_set,
        "catalogue_version": "1.0",
        "catalogue_digest": "sha256:" + "0" * 64,
        "group": None,
        "classification": classification,
        "sensitivity": "NON_SENSITIVE",
        "periods": {"from": "2018-04", "to": "2019-03"},
        "fields": [{"name": "Sex", "treatment": "as_is", "reason": "needed"}],
        "population": {"rule": "own", "commissioners": [CCG], "reasons": ["G", "H", "R", "C"]},
        "recipient_environment": {"organisation": CSU, "kind": "analytics"},
        "opt_out": {"applied": False, "reason": "no_identifying_data"},
        "dissemination_power": "s261_1_and_s261_2_b_ii",
        "confidentiality": {"route": "not_identifiable", "section_251": None},
        "frequency": "monthly",
        "access_method": "ONGOING",
        "disclosure_rule": "HES",
    }


def snapshot(**changes):
    """A snapshot of spec section 4."""
    whole = {
        "schema": "dsfc-snapshot/1",
        "application_id": str(APPLICATION),
        "reference": REFERENCE,
        "version": "v0.0",
        "revision": 1,
        "kind": "new",
        "title": "Commissioning for Barnsley",
        "purpose": "COM",
        "start": START.isoformat(),
        "end": END.isoformat(),
        "territory": "england_and_wales",
        "commercial": False,
        "sub_licence": False,
        "controllers": [
            {
                "ods": CCG,
                "legal_name": "NHS Barnsley CCG",
                "contract_reference": "CON-123456-A1B2C",
                "gdpr_article_6": ["6(1)(e)"],
                "gdpr_article_9": ["9(2)(h)"],
                "dpa_2018_schedule_1": ["paragraph 2"],
            }
        ],
        "processors": [
            {
                "ods": CSU,
                "legal_name": "South Central and West CSU",
                "role": "analysis",
                "documented_instructions": True,
            }
        ],
        "locations": [],
        "assurance": [{"ods": CSU, "kind": "DSPT", "reference": "17/18"}],
        "ico_registrations": [{"ods": CCG, "number": "Z1234567", "expires": "2019-03-31"}],
        "lines": [line(1), line(2, "DIDS")],
        "linkage": [{"data_sets": ["SUS_APC", "DIDS"], "key": "person", "mitigation": "none"}],
        "special_conditions": [],
        "sections": {
            "1": {"start": START.isoformat(), "end": END.isoformat()},
            "9": {"purposes": [{"code": "COM", "objective": "Plan care"}]},
            "10": {"activities": "Counting admissions"},
            "11": {"outputs": [{"title": "A report"}]},
            "12": {"benefits": [{"description": "Fewer waits"}], "yielded": []},
        },
    }
    return whole | changes


def snapshot_bytes(**changes):
    """Its canonical bytes and their hash."""
    content = canonical(snapshot(**changes))
    return content, digest(content)


def approved(**changes):
    """An approved application, as the adapter makes it of a snapshot."""
    whole = snapshot(**changes)
    return ApprovedApplication(
        application_id=UUID(whole["application_id"]),
        reference=whole["reference"],
        version=whole["version"],
        kind=whole["kind"],
        title=whole["title"],
        start=date.fromisoformat(whole["start"]),
        end=date.fromisoformat(whole["end"]),
        parties=(
            *(
                Party(ods=c["ods"], capacity=Capacity.CONTROLLER, legal_name=c["legal_name"])
                for c in whole["controllers"]
            ),
            *(
                Party(ods=p["ods"], capacity=Capacity.PROCESSOR, legal_name=p["legal_name"])
                for p in whole["processors"]
            ),
        ),
        lines=tuple(
            AgreementLine(
                number=one["number"],
                key=LineKey(one["purpose"], one["data_set"], one["classification"]),
                content=one,
            )
            for one in whole["lines"]
        ),
        conditions=tuple(
            DraftedCondition(
                condition=c["id"],
                text=c["text"],
                due=None if c["due"] is None else date.fromisoformat(c["due"]),
                owner=c["owner"],
            )
            for c in whole["special_conditions"]
        ),
        snapshot_hash=digest(canonical(whole)),
        content=whole,
    )


def drafted(**changes) -> Agreement:
    """An agreement that nobody has signed."""
    agreement = first_version(approved(**changes), new_id=new_id)
    return replace(agreement, happened=())


def signature(version, party, *, at=SIGNED, for_body=False):
    return Signature(
        id=new_id(),
        party=party,
        for_body=for_body,
        document_hash=version.document_hash,
        name_of_role="SIRO",
        signed_at=at,
    )


def sign_all(agreement, *, version=-1, at=SIGNED):
    """All parties of a version and the Body sign it."""
    chosen = agreement.versions[version]
    for party in chosen.named_parties():
        agreement = agreement.sign(signature(chosen, party, at=at))
    return agreement.sign(signature(chosen, BODY, at=at, for_body=True))


def active(**changes) -> Agreement:
    """An agreement that all have signed; at NOW it is in force."""
    return replace(sign_all(drafted(**changes)), happened=())


def contract(**changes) -> Contract:
    """A framework contract that both have signed before START."""
    values = {
        "id": new_id(),
        "reference": "CON-123456-A1B2C",
        "organisation": CCG,
        "legal_name": "NHS Barnsley CCG",
        "valid_from": START,
        "valid_to": END,
        "issued_at": SIGNED,
        "organisation_signed_at": SIGNED,
        "organisation_signatory": "SIRO",
        "body_signed_at": SIGNED,
        "body_signatory": "SIRO",
    } | changes
    return Contract(
        **values,
        document_hash=contract_hash(
            reference=values["reference"],
            organisation=values["organisation"],
            legal_name=values["legal_name"],
            valid_from=values["valid_from"],
            valid_to=values["valid_to"],
        ),
    )


def relationship(**changes) -> Relationship:
    """A relationship that was asked for."""
    values = {
        "id": new_id(),
        "reference": "LCR-0000000001",
        "change_kind": ChangeKind.NEW,
        "commissioner": CCG,
        "commissioner_type": "CCG",
        "area_team": None,
        "dscro": "yorkshire",
        "csu": CSU,
        "processors": (),
        "service": "commissioning",
        "valid_from": START,
        "valid_to": None,
        "service_contract_reference": "SC-1",
        "contract_signed_on": date(2018, 1, 10),
        "state": Step.REQUESTED,
        "requested_at": SIGNED,
        "requested_by_organisation": CCG,
    }
    return Relationship(**values | changes)


def running(**changes) -> Relationship:
    """A relationship in operation since START."""
    return relationship(**{"state": Step.ACTIVE, "activated_at": SIGNED} | changes)
