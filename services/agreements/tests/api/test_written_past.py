"""Whatever somebody writes into the database past the service is told wherever it is shown."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import Session

from agreements.db.seals.sealed import SEALED, digest_as_read, digest_of_rows, read_all
from agreements.db.seals.stored import read_as_stored
from agreements.flows.api.schemas.local_flows import EXAMPLE
from agreements.records.use_cases.oversight import lapses
from common.security.roles import Role
from services.agreements.tests.api.test_breaches import REPORT
from services.agreements.tests.api.test_directions import DIRECTION
from services.agreements.tests.api.test_internal_instructions import instruction
from services.agreements.tests.api.test_local_flows import seconded
from services.agreements.tests.api.test_opt_out_waivers import LETTER
from services.agreements.tests.api.test_organisations import TRANSFER, imported
from services.agreements.tests.api.test_oversight import PLAN
from services.agreements.tests.api.test_oversight import REPORT as FOUND
from services.agreements.tests.api.test_registrations import APPROVAL, EVIDENCE, ICO
from services.agreements.tests.api.test_relationships import consent, published
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE
from services.agreements.tests.service import APPROVER, ORGANISATIONS

FLOW = "LPF_AMBULANCE_CONVEYANCES"
AGREEMENT = f"/v1/agreements/{REFERENCE}"
OF_AGREEMENTS = {
    *("agreement", "agreement_version", "agreement_party", "agreement_line", "signature"),
    *("renewal", "special_condition", "task", "hold", "hold_line", "hold_lift"),
}
BREACHES = {"breach", "hold", "hold_line", "hold_lift"}
RELATIONSHIPS = {"relationship", "relationship_consent"}
ENVIRONMENTS = {"recipient_environment", "environment_client"}
TRANSFERS = {"transfer_instrument", "transfer_withdrawal"}
MAPS = {"map_snapshot", "map_standing"}
SHOWN = {
    "/v1/agreements": OF_AGREEMENTS,
    "/v1/agreements/{reference}": OF_AGREEMENTS,
    "/v1/agreements/{reference}/document": OF_AGREEMENTS,
    "/v1/agreements/{reference}/holds/preview": OF_AGREEMENTS,
    "/v1/agreements/{reference}/differences": OF_AGREEMENTS,
    "/v1/agreements/{reference}/onward-shares": {"onward_share"},
    "/v1/contracts": {"contract"},
    "/v1/contracts/{reference}": {"contract"},
    "/v1/breaches": BREACHES | OF_AGREEMENTS,
    "/v1/breaches/{breach_id}": BREACHES | OF_AGREEMENTS,
    "/v1/breaches/{breach_id}/preview": BREACHES | OF_AGREEMENTS | {"contract"},
    "/v1/relationships": RELATIONSHIPS,
    "/v1/relationships/{relationship_id}": RELATIONSHIPS,
    "/v1/relationships/csu-change": OF_AGREEMENTS
    | RELATIONSHIPS
    | ENVIRONMENTS
    | {"domain_transfer"},
    "/v1/domain-transfers": {"domain_transfer"},
    "/v1/domain-transfers/{transfer_id}": {"domain_transfer"},
    "/v1/organisations": {"organisation"},
    "/v1/organisations/{ods}": {"organisation"} | TRANSFERS,
    "/v1/transfer-instruments": TRANSFERS,
    "/v1/transfer-instruments/preview": OF_AGREEMENTS | {"contract"} | RELATIONSHIPS,
    "/v1/maps": MAPS,
    "/v1/maps/{map_id}": MAPS,
    "/v1/maps/{map_id}/entries": MAPS,
    "/v1/recipient-environments": ENVIRONMENTS,
    "/v1/imports": {"import"},
    "/v1/local-flows": {"local_flow"},
    "/v1/local-flows/versions": {"local_flow"},
    "/v1/local-flows/{flow_id}": {"local_flow"},
    "/v1/local-flows/files/{digest}": {"local_flow"},
    "/v1/assurance": {"assurance"},
    "/v1/ico-registrations": {"ico_registration"},
    "/v1/section-251-approvals": {"section_251_approval"},
    "/v1/section-251-approvals/{approval_id}/withdrawal/preview": {"section_251_approval"},
    "/v1/section-251-approvals/{approval_id}/conditions/preview": {"section_251_approval"},
    "/v1/environment-registers/{kind}": {"listed_environment"},
    "/v1/directions": {"direction"},
    "/v1/directions/data-sets/{data_set}": {"direction"},
    "/v1/opt-out-waivers": {"opt_out_waiver"},
    "/v1/internal-instructions": {"internal_instruction"},
    "/v1/staff-records": {"staff_record"},
    "/v1/staff-records/{subject}/clearance": {"staff_record"},
    "/v1/audits": {"audit"},
    "/v1/audits/{audit_id}": {"audit"},
    "/v1/registers/audits": {"audit"},
    "/v1/registers/audits/{reference}": {"audit"},
    "/v1/lapse-warnings": {"lapse_warning"},
    "/v1/publications": {"publication"},
    "/v1/submission-rights": {"submission_right"},
    "/v1/submission-rights/recorded": {"submission_right"},
    "/v1/registers/contracts": {"contract"},
    "/v1/registers/onward-shares": {"onward_share"},
    "/v1/registers/onward-shares/{share_id}": {"onward_share"},
    "/v1/registers/relationships": {"relationship_edition"},
    "/v1/registers/contracts/{reference}": {"contract"},
    "/v1/registers/agreements": OF_AGREEMENTS,
    "/v1/registers/agreements/{reference}": OF_AGREEMENTS,
    "/v1/registers/relationships/differences": {"relationship_edition"},
    "/v1/registers/relationships/supporting/{ods}": {"relationship_edition"},
    "/v1/registers/notices/{ods}": OF_AGREEMENTS,
}
"""By route: the tables of which it tells when a row of theirs is not the one that was sealed."""
NOTHING = {path: set() for path in SHOWN}
NOT_SHOWN = {
    "signature_receipt": "signatures are, and no decision counts one without its receipt",
    "recall": "what became of the files is",
}
OF_DESTRUCTION = {"destruction_certificate", "destruction_acceptance", "destroyed_file"}
"""Altered in `test_destruction`, where files are released of which they tell."""
OTHERWISE = {
    "/v1/agreement-templates": "altered in test_issuing",
    "/v1/agreement-batches": "altered in test_issuing",
    "/v1/agreement-batches/{batch_id}": "altered in test_issuing",
    "/v1/agreements/{reference}/linkage": "is refused with SEAL_BROKEN: test_linkage.py",
    "/v1/inbox": "says it of each thing that waits: test_desk.py",
    "/v1/lapses": "says it of each thing that ends: test_oversight.py",
    "/v1/agreements/{reference}/onward-shares/permission": "an answer about the clause; what is"
    " logged is judged again",
    "/v1/holdings": "altered in test_destruction",
    "/v1/holdings/statement": "shows the same by the same view",
    "/v1/agreements/{reference}/destruction": "altered in test_destruction",
    "/v1/agreements/{reference}/destruction/certificate": "altered in test_destruction",
    "/v1/agreements/{reference}/holdings": "says it of each file: `is_as_sealed`",
    "/v1/registers/statements/{register}": "says it of references: test_registers.py",
}
LISTS = {
    "/v1/agreements": "agreement",
    "/v1/contracts": "contract",
    "/v1/breaches": "breach",
    "/v1/relationships": "relationship",
    "/v1/organisations": "organisation",
    "/v1/transfer-instruments": "transfer_instrument",
    "/v1/domain-transfers": "domain_transfer",
    "/v1/maps": "map_snapshot",
    "/v1/recipient-environments": "recipient_environment",
    "/v1/imports": "import",
    "/v1/local-flows": "local_flow",
    "/v1/section-251-approvals": "section_251_approval",
    "/v1/environment-registers/{kind}": "listed_environment",
    "/v1/publications": "publication",
    "/v1/staff-records": "staff_record",
    "/v1/directions": "direction",
    "/v1/opt-out-waivers": "opt_out_waiver",
    "/v1/internal-instructions": "internal_instruction",
    "/v1/audits": "audit",
    "/v1/submission-rights/recorded": "submission_right",
}
QUERIES = {
    "/v1/relationships/csu-change": {
        "commissioner": CCG,
        "former": CSU,
        "following": "0CX",
        "effective_from": "2019-04-01",
    },
    "/v1/domain-transfers": {"agreement": REFERENCE},
    "/v1/local-flows/versions": {"data_set": FLOW},
    "/v1/registers/relationships/differences": {"earlier": 1, "later": 1},
    "/v1/transfer-instruments/preview": {
        "predecessor": CCG,
        "successor": CSU,
        "effective_from": "2020-04-01",
    },
    "/v1/agreements/{reference}/differences": {"former": "v0.0", "later": "v0.0"},
    "/v1/assurance": {"organisation": CSU},
    "/v1/staff-records/{subject}/clearance": {"organisation": "X26"},
    "/v1/ico-registrations": {"organisation": CCG},
    "/v1/submission-rights": {"submitter": "RFF", "as_at": "2018-06-01"},
    "/v1/section-251-approvals/{approval_id}/conditions/preview": {"purpose": "RS"},
}
REPORTED = FOUND | {"actions": [FOUND["actions"][0] | {"due": "2018-08-01"}]}
"""Of which a warning is due."""
TRUSTS = (
    "RFF,A Trust,NHS_TRUST,,,2013-04-01,\n"
    "RJE,Another Trust,NHS_TRUST,,,2013-04-01,\n"
    "RA1,A third Trust,NHS_TRUST,,,2013-04-01,\n"
)
RIGHT = {
    "submitter": "RFF",
    "provider": "RJE",
    "valid_from": "2018-04-01",
    "valid_to": "2019-03-31",
    "evidence": "Hosting agreement",
}


@pytest.fixture
def whole(seeded):
    """Two of all that is listed, and one of all that belongs to it."""

    def done(answer):
        assert answer.is_success, answer.text
        return answer.json()

    data = Role.REFERENCE_DATA_MANAGER
    seeded.active()
    seeded.contract("00L")
    hold = done(seeded.post(f"{AGREEMENT}/holds", Role.BREACH_HANDLER, {"reason": "A laptop."}))
    lift = f"/v1/holds/{hold['id']}/lift-approvals"
    done(seeded.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}))
    breach = done(seeded.post("/v1/breaches", Role.CSU_SYSTEM, REPORT))
    done(seeded.post("/v1/breaches", Role.CSU_SYSTEM, REPORT | {"activity_stopped": "yes"}))
    lift = f"/v1/holds/{breach['holds'][0]['id']}/lift-approvals"
    done(seeded.post(lift, Role.BREACH_HANDLER, {"reason": "It was found."}))
    shared = {"recipient": CCG, "line": 1, "shared_on": "2018-06-01", "activity_stopped": "yes"}
    share = done(seeded.post(f"{AGREEMENT}/onward-shares", Role.CSU_ADVISER, shared))
    relationship = seeded.relationship()
    consent(seeded, relationship, Role.CONTROLLER_SIGNATORY, CCG)
    consent(seeded, relationship, Role.CSU_ADVISER, CSU)
    published(seeded)
    seeded.relationship(commissioner="00L")
    done(seeded.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, TRANSFER))
    other = TRANSFER | {"predecessor": "00L"}
    taken_back = done(seeded.post("/v1/transfer-instruments", Role.CONTRACT_MANAGER, other))
    path = f"/v1/transfer-instruments/{taken_back['id']}/withdrawal"
    done(seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "It was put off."}))
    for kind in ("analytics", "ceff"):
        body = {"organisation": CSU, "kind": kind, "clients": [f"scw-{kind}"]}
        done(seeded.post("/v1/recipient-environments", Role.CONTRACT_MANAGER, body))
    transfer = _domains_transferred(seeded, done)
    done(seeded.post("/v1/ico-registrations", data, ICO))
    done(seeded.post("/v1/assurance", data, EVIDENCE))
    for reference in ("CAG 7-07(a)/2013", "CAG 2-03(a)/2013"):
        support = APPROVAL | {"reference": reference}
        support = done(seeded.post("/v1/section-251-approvals", data, support))
    for period in ("2018-04", "2018-05"):
        body = {"data_set": "CSDS", "period": period, "published_on": "2018-06-14"}
        done(seeded.post("/v1/publications", Role.REGISTER_PUBLISHER, body))
    done(imported(seeded, ORGANISATIONS.split("\n", 1)[1] + TRUSTS))
    register = (
        f"organisation,hosted_for,valid_from,valid_to\n{CSU},,2014-04-01,\n{CCG},,2014-04-01,\n"
    )
    path = "/v1/environment-registers/ceff/imports"
    done(seeded.upload(path, register, data, listed_on="2018-05-01"))
    rights = "/v1/submission-rights"
    for provider in ("RJE", "RA1"):
        batch = done(seeded.post(rights, data, RIGHT | {"provider": provider}, who="one"))["id"]
        path = f"{rights}/{batch}/confirmation"
        done(seeded.post(path, Role.CONTRACT_MANAGER, {"reason": "It was seen."}, who="two"))
    for reference in ("DIR-1", "DIR-2"):
        done(seeded.post("/v1/directions", data, DIRECTION | {"reference": reference}))
        done(seeded.post("/v1/opt-out-waivers", data, LETTER | {"reference": reference}))
    _instructed(seeded)
    for organisation in (CSU, OTHER_CSU):
        audit = done(
            seeded.post("/v1/audits", Role.CONTRACT_MANAGER, PLAN | {"organisation": organisation})
        )
        done(seeded.post(f"/v1/audits/{audit['id']}/report", Role.AUDITOR, REPORTED))
        done(seeded.post(f"/v1/audits/{audit['id']}/publication", Role.REGISTER_PUBLISHER))
    assert lapses.warn(ctx=seeded.parts.context(Role.SYSTEM_CLOCK))
    seeded.cleared("two")
    seconded(seeded, "one")
    for number in ("1.0", "1.1"):
        flow = EXAMPLE.replace('"1.0"', f'"{number}"')
        body = {"content": flow, "evidence": "Schedule 6"}
        layout = done(seeded.post("/v1/local-flows", Role.DSCRO_OPERATOR, body, who="one"))
        path = f"/v1/local-flows/{layout['id']}/approval"
        done(seeded.post(path, Role.DSCRO_APPROVER, {"reason": "It was seen."}, who="two"))
    for valid_from in ("2018-04-01", "2019-04-01"):
        entries = f"practice,commissioner\nC85001,{CCG}\n"
        query = {"kind": "practice", "valid_from": valid_from}
        the_map = done(seeded.upload("/v1/maps", entries, data, **query))
    seeded.named = {
        "reference": REFERENCE,
        "breach_id": breach["id"],
        "relationship_id": relationship["id"],
        "ods": CCG,
        "map_id": the_map["id"],
        "transfer_id": transfer["id"],
        "flow_id": layout["id"],
        "digest": layout["digest"],
        "kind": "ceff",
        "audit_id": audit["id"],
        "share_id": share["id"],
        "subject": APPROVER,
        "data_set": "SUS_APC",
        "approval_id": support["id"],
    }
    return seeded


def _instructed(service):
    """Two instructions, as of an agreement of which the Body is a controller: here is none."""
    ctx = service.parts.context(Role.CONTRACT_MANAGER)
    with ctx.uow.writing() as tx:
        tx.internal_instructions.save(
            *(instruction(reference=one, agreement=REFERENCE) for one in ("II-1", "II-2")),
            audit=ctx.entry("internal-instruction-recorded", "internal-instructions", at=tx.at),
        )


def _domains_transferred(service, done):
    """One transfer that was taken back, and one that waits for its controller."""
    body = {"organisation": "0CX", "kind": "analytics", "clients": ["mlcsu-analytics"]}
    done(service.post("/v1/recipient-environments", Role.CONTRACT_MANAGER, body))
    named = {
        one["organisation"]: one["id"]
        for one in done(service.get("/v1/recipient-environments", Role.AUDITOR))["items"]
        if one["kind"] == "analytics"
    }
    asked = {
        "agreement": REFERENCE,
        "former_environment": named[CSU],
        "following_environment": named["0CX"],
        "effective_from": "2019-04-01",
        "evidence": "Letter of the commissioner",
    }
    first = done(service.post("/v1/domain-transfers", Role.CONTRACT_MANAGER, asked))
    path = f"/v1/domain-transfers/{first['id']}/withdrawal"
    done(service.post(path, Role.CONTRACT_MANAGER, {"reason": "It was put off."}))
    return done(service.post("/v1/domain-transfers", Role.CONTRACT_MANAGER, asked))


def answered(service, path):
    """What a route answers: its status and its body."""
    named = service.named
    if path.endswith("/audits/{reference}"):
        named = named | {"reference": told(service, "/v1/audits")[0]["reference"]}
    if path.endswith("/contracts/{reference}"):
        named = named | {"reference": told(service, "/v1/contracts")[0]["reference"]}
    role = Role.SERVICE_PSEUDONYMISATION if path.endswith("/entries") else Role.AUDITOR
    if path.endswith(("/holds/preview", "/breaches/{breach_id}/preview")):
        role = Role.BREACH_HANDLER
    if "{approval_id}" in path:
        role = Role.REFERENCE_DATA_MANAGER
    return service.get(path.format(**named), role, **QUERIES.get(path, {}))


def told(service, path):
    answer = answered(service, path)
    assert answer.status_code == 200, (path, answer.text)
    return answer.json()["items"]


def unlike(answer):
    """The tables that an answer names, anywhere in it."""
    if answer.status_code == 409:
        assert answer.json()["code"] == "SEAL_BROKEN"
        return set(answer.json()["registers"])
    assert answer.status_code == 200, answer.text
    if not answer.headers["content-type"].startswith("application/json"):
        return set()
    return set(_named(answer.json()))


def _named(value):
    if isinstance(value, dict):
        yield from value.get("not_as_sealed") or ()
        for one in value.values():
            yield from _named(one)
    elif isinstance(value, list):
        for one in value:
            yield from _named(one)


def executed(service, statement, **values):
    with service.parts.engine.begin() as connection:
        return connection.execute(text(statement), values)


def sealed_tables():
    for sealed in SEALED.values():
        yield sealed.table.name, sealed.table.name, "recorded_at", "2001-01-01 00:00:00.000000"
        for part in sealed.parts:
            table = part.row.__table__
            column = next(c.name for c in table.columns if c.name in {"legal_name", "purpose"})
            yield table.name, sealed.table.name, column, "Somebody"


def test_every_route_that_shows_what_is_sealed_is_among_these(whole):
    paths = whole.client.get("/openapi.json").json()["paths"]
    schemas = whole.client.get("/openapi.json").json()["components"]["schemas"]
    sealed = {name for name, schema in schemas.items() if "not_as_sealed" in _members(schema)}
    reading = {path for path, ways in paths.items() if "get" in ways and path.startswith("/v1/")}

    assert reading - set(SHOWN) - set(OTHERWISE) == set()
    assert {"BreachView", "RelationshipView", "MapView", "RightView", "PublicationView"} <= sealed


def _members(schema):
    return schema.get("properties", {})


OF_ISSUING = {"agreement_template", "agreement_batch"}
"""Altered in `test_issuing`, where there are some."""


def told_by_others(whole, tables):
    """Alter each of these, and return where other routes than those that show it tell of it."""
    missed = {}
    for altered, table, column, value in tables:
        rows = executed(
            whole,
            f"SELECT id, {column} FROM {altered}"
            if column == "recorded_at"
            else f"SELECT rowid, {column} FROM {altered}",
        ).all()
        assert rows, altered
        key = "id" if column == "recorded_at" else "rowid"
        executed(whole, f"UPDATE {altered} SET {column} = :value", value=value)
        wanted = {path for path, tables in SHOWN.items() if altered in tables}
        found = {path for path in SHOWN if table in unlike(answered(whole, path))}
        if found != wanted:
            missed[altered] = (found - wanted, wanted - found)
        for row in rows:
            statement = f"UPDATE {altered} SET {column} = :value WHERE {key} = :key"
            executed(whole, statement, value=row[1], key=row[0])
    return missed


def tables_altered():
    elsewhere = {
        *NOT_SHOWN,
        *OF_DESTRUCTION,
        *OF_ISSUING,
        *("renewal", "special_condition", "task"),
    }
    return [one for one in sealed_tables() if one[0] not in elsewhere]


def rows_are_stored_as_they_are_read(engine):
    """Hold each sealed row against how it is stored: every kind of column is in one of them."""
    kinds = set()
    with Session(engine) as session:
        for sealed in SEALED.values():
            of_each = read_all(session, sealed)
            stored = read_as_stored(session, sealed, of_each)
            assert stored.keys() == of_each.keys()
            for value, rows in of_each.items():
                kinds |= kinds_of(sealed)
                told = [sorted(map(repr, (r.record() for r in of))) for of in (rows, stored[value])]
                assert told[0] == told[1]
                assert digest_as_read(stored[value]) == digest_of_rows(r.record() for r in rows)
    assert kinds == set().union(*map(kinds_of, SEALED.values()))


def kinds_of(sealed):
    return {type(column.type) for column in sealed.table.c}


def test_a_table_of_eight_is_told_by_the_routes_that_show_it_and_by_no_others(whole):
    rows_are_stored_as_they_are_read(whole.parts.engine)
    assert told_by_others(whole, tables_altered()[::8]) == {}

    assert {path: unlike(answered(whole, path)) for path in SHOWN} == NOTHING


@pytest.mark.long
def test_every_table_is_told_by_the_routes_that_show_it_and_by_no_others(whole):
    assert told_by_others(whole, tables_altered()) == {}


def test_what_cannot_be_read_is_named_and_the_others_are_listed(whole):
    found = {path: _garbled(whole, path, table) for path, table in LISTS.items()}

    assert all("recorded_at" in columns for columns in found.values()), found
    assert "announced_state" in found["/v1/agreements"]
    assert {"channel", "lines", "reported_at"} <= found["/v1/breaches"]
    assert {"purposes", "controllers"} <= found["/v1/section-251-approvals"]


def _garbled(service, path, table):
    """The columns of a row of which a value that is none of theirs makes it unreadable."""
    before = told(service, path)
    names = executed(service, f"SELECT * FROM {table} LIMIT 1").keys()
    current = "WHERE superseded_epoch IS NULL" if "superseded_epoch" in names else ""
    query = f"SELECT rowid, * FROM {table} {current} ORDER BY id LIMIT 1"
    row = executed(service, query).mappings().one()
    found = set()
    for column in set(names) - {"id", "superseded_epoch", "epoch", "version"}:
        change = f"UPDATE {table} SET {column} = :value WHERE rowid = :rowid"
        try:
            executed(service, change, value="gar{bage", rowid=row["rowid"])
        except IntegrityError:
            continue
        page = answered(service, path)
        assert page.status_code == 200, (path, column, page.text)
        if page.json()["unreadable"]:
            assert len(page.json()["unreadable"]) == 1
            assert len(page.json()["items"]) == len(before) - 1
            found.add(column)
        executed(service, change, value=row[column], rowid=row["rowid"])
    assert told(service, path) == before
    return found
