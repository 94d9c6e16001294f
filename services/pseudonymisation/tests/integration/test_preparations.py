"""From a permit to attested files: accepted once, made once, named once."""

import hashlib
import shutil
import threading
import time
from base64 import urlsafe_b64decode
from dataclasses import replace
from datetime import date, timedelta
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlmodel import Session

from common.audit import RecordNotAsLogged
from common.errors import NoEdition, Refused
from common.ids import digest_of, new_id
from common.jobs import ClaimTimes
from common.replacement import State as Replacement
from common.security.keys import PERMIT, Signer, generate_jwk, issue
from pseudonymisation.engine.errors import KeyDestroyed
from pseudonymisation.preparations.adapters import preparation
from pseudonymisation.preparations.domain.errors import (
    AreasUntold,
    CatalogueUnknown,
    DomainClosed,
    DomainTransferred,
    PermitInvalid,
    PermitMismatch,
    PermitUsed,
    PreparationNotFound,
    UnsafeEditions,
)
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.domain.tokens import DomainState
from pseudonymisation.preparations.use_cases.preparations import accept, get
from services.pseudonymisation.tests.haven import (
    CATALOGUE,
    FIELDS,
    KEYS_KEPT,
    RULES,
    SUS,
    editions_are,
    world,
)
from services.pseudonymisation.tests.landed import Asked, day, expected
from statements.handed import RequestedExtract

NUMBERS = ["9990000018", "9990000026", "9990000034", "9990000042"]


def record(i, number=None, **more):
    return {
        "NHS_Number": NUMBERS[i % 4] if number is None else number or None,
        "Local_Patient_ID": f"L{i}",
        "Provider_Code": "RH8",
        "Sex": "12"[i % 2],
        "Admission_Date": day("2018-04-03"),
        "Hospital_Spell_No": f"S{i % 3}",
        "period": "2018-04",
        "reasons": {"G": "02P" if i % 3 else "00L", "C": "02P" if i % 5 == 0 else "99E"},
    } | more


RECORDS = [record(i) for i in range(40)]
STRICTER = RULES.model_copy(update={"version": 2, "safe_from": 2, "digest": "sha256:" + "2" * 64})


@pytest.fixture
def haven(tmp_path, make_engine, database_url, clock):
    return world(tmp_path / "haven", make_engine(database_url), clock)


@pytest.fixture
def sqlite_haven(tmp_path, make_engine, sqlite_url, clock):
    return world(tmp_path / "haven", make_engine(sqlite_url), clock)


def put(haven, request, claims, *, client_id="dissemination", permit=None):
    return accept(
        UUID(claims["jti"]),
        haven.permit(claims) if permit is None else permit,
        RequestedExtract.model_validate(request),
        ctx=haven.context(client_id),
    )


def test_a_permit_becomes_an_attested_file_and_an_event(haven):
    edition = haven.land(RECORDS)

    done = haven.prepare(request=haven.request(formats=["parquet", "csv"]))

    assert done.state is PreparationState.PREPARED
    assert [f.format for f in done.files] == ["parquet", "csv"]
    parquet, csv = done.files
    asked = Asked(
        fields=FIELDS,
        periods=["2018-04"],
        codes=["02P"],
        reasons="GHRC",
        domain_key=haven.keys.get(f"domain/{done.permit.domain.id[7:]}"),
        domain_id=done.permit.domain.id,
    )
    wanted = expected(haven.landing, SUS, RECORDS, asked)
    assert sorted(haven.rows_of(parquet)) == sorted(wanted)
    assert done.rows_done == done.rows_total == parquet.rows == csv.rows == len(wanted)
    for file in done.files:
        path = haven.directory / "release" / file.object_key
        assert file.bytes == path.stat().st_size
        assert file.digest == "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest()
        assert file.object_key == (f"preparations/{done.id}/{done.attempt}/{file.id}.{file.format}")
        said = haven.attested(file)
        assert said["sub"] == str(file.id)
        assert said["file"] == {
            "id": str(file.id),
            "format": file.format,
            "object_key": file.object_key,
            "bytes": file.bytes,
            "digest": file.digest,
            "rows": len(wanted),
        }
        assert said["permit_id"] == said["preparation_id"] == str(done.id)
        assert said["columns"] == [
            {"name": "Token", "treatment": "pseudonym", "class": "DER"},
            {"name": "Reason_For_Access", "treatment": "derived", "class": "DER"},
            {"name": "Sex", "treatment": "as_is", "class": "QI"},
            {"name": "Admission_Date", "treatment": "month", "class": "QI"},
            {"name": "Hospital_Spell_No", "treatment": "pseudonym", "class": "LI"},
        ]
        assert said["editions"] == [
            {
                "landing_rules": {"version": RULES.version, "digest": RULES.digest},
                "id": str(edition),
                "provider": "RH8",
                "period": "2018-04",
                "number": 1,
                "status": "current",
            }
        ]
        assert said["population"] == {
            "codes": ["02P"],
            "reasons": ["G", "H", "R", "C"],
            "map_versions": {"practice": [str(UUID(int=1))], "postcode": [str(UUID(int=2))]},
            "rows_without_reason": 0,
        }
        assert said["opt_out"] == {
            "applied": False,
            "list_id": None,
            "list_date": None,
            "list_digest": None,
            "besides": [],
            "people_left_out": 0,
            "rows_without_person_left_out": 0,
        }
        assert said["scan"] == {"rule": "pcd-scan/2", "columns": ["Sex"], "hits": 0}
        assert said["domain"] == done.permit.domain.id
        assumed = {one["rule"]: one["parts"] for one in said["assumed"]}
        assert "LEGALLY_RESTRICTED" in assumed[f"landing rules SUS_APC {RULES.version}"]
        assert assumed["calendar stages/2"] == ["stages"]
        assert said["order"] == "token"
        assert said["disclosure_rule"] == "HES"
        assert said["line"]["data_set"] == "SUS_APC"
    assert sorted(haven.objects()) == sorted(f.object_key for f in done.files)
    (event,) = haven.events()
    assert event["type"] == "pseudonymisation.extract-prepared.v1"
    assert event["data"]["preparation_id"] == str(done.id)
    assert event["data"]["files"][0] == {
        "id": str(parquet.id),
        "format": "parquet",
        "rows": len(wanted),
        "bytes": parquet.bytes,
    }
    assert haven.actions() == [
        "domain-opened",
        "preparation-accepted",
        "preparation-begun",
        "extract-prepared",
    ]
    assert {leaf["on_behalf_of"] for leaf in haven.leaves()} == {"02P"}
    assert list((haven.directory / "scratch").iterdir()) == []


def filtered(haven, *filters, **more):
    request = haven.request(filters=list(filters), **more)
    return request, haven.claims(request, filters=list(filters))


def prepared_with(haven, *filters, **more):
    request, claims = filtered(haven, *filters, **more)
    accepted, _ = put(haven, request, claims)
    haven.work()
    return get(accepted.id, ctx=haven.context())


MEN = {"column": "Sex", "any_of": ["1"]}


def test_rows_are_those_that_pass_each_filter_also_one_on_a_column_that_is_not_in_the_file(
    sqlite_haven,
):
    some = [*RECORDS, record(41, Sex=None), record(43, Sex=None)]
    sqlite_haven.land(some)

    done = prepared_with(sqlite_haven, MEN, fields=["Hospital_Spell_No"])

    (file,) = done.files
    asked = Asked(
        fields={"Hospital_Spell_No": "pseudonym"},
        periods=["2018-04"],
        codes=["02P"],
        reasons="GHRC",
        domain_key=sqlite_haven.keys.get(f"domain/{done.permit.domain.id[7:]}"),
        domain_id=done.permit.domain.id,
    )
    men = [r for r in some if r["Sex"] == "1"]
    wanted = expected(sqlite_haven.landing, SUS, men, asked)
    assert sorted(sqlite_haven.rows_of(file)) == sorted(wanted)
    assert 0 < len(wanted) < len(expected(sqlite_haven.landing, SUS, some, asked))
    assert sqlite_haven.attested(file)["filters"] == [MEN]


def test_a_filter_that_nobody_passes_gives_a_file_without_rows(sqlite_haven):
    sqlite_haven.land(RECORDS)

    (file,) = prepared_with(sqlite_haven, {"column": "Sex", "any_of": ["9"]}).files

    assert (file.rows, sqlite_haven.rows_of(file)) == (0, [])


@pytest.mark.parametrize(
    ("one", "code"),
    [
        ({"column": "NHS_Number", "any_of": ["1"]}, "FORM_NOT_ALLOWED"),
        ({"column": "Hospital_Spell_No", "any_of": ["S1"]}, "FORM_NOT_ALLOWED"),
        ({"column": "Date_of_Birth", "any_of": ["1950-01-01"]}, "FORM_NOT_ALLOWED"),
        ({"column": "Shoe_Size", "any_of": ["44"]}, "FORM_NOT_ALLOWED"),
        ({"column": "Sex", "any_of": ["7"]}, "FILTER_NOT_ALLOWED"),
        ({"column": "Sex", "at_least": 1}, "FILTER_NOT_ALLOWED"),
        ({"column": "Sex"}, "FILTER_NOT_ALLOWED"),
    ],
)
def test_what_identifies_is_not_filtered_by_whatever_the_permit_says(sqlite_haven, one, code):
    sqlite_haven.land(RECORDS)
    request, claims = filtered(sqlite_haven, one)

    with pytest.raises(Refused) as refused:
        put(sqlite_haven, request, claims)

    assert [(r.code, r.subject) for r in refused.value.refusals] == [(code, one["column"])]


def test_a_filter_that_is_not_in_the_request_is_not_permitted_and_the_other_way_round(sqlite_haven):
    sqlite_haven.land(RECORDS)
    request, claims = filtered(sqlite_haven, MEN)

    with pytest.raises(PermitMismatch):
        put(sqlite_haven, {k: v for k, v in request.items() if k != "filters"}, claims)


def test_the_same_permit_request_and_caller_again_is_the_same_preparation(haven, clock):
    haven.land(RECORDS)
    request = haven.request()
    claims = haven.claims(request)
    permit = haven.permit(claims)

    first, was_new = put(haven, request, claims, permit=permit)
    haven.work()
    clock.advance(timedelta(hours=1))
    again, is_new = put(haven, request, claims, permit=permit)

    assert (was_new, is_new) == (True, False)
    assert again.id == first.id
    assert again.state is PreparationState.PREPARED
    assert haven.actions().count("preparation-accepted") == 1


def test_anything_else_with_a_used_permit_is_refused(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    request = haven.request()
    claims = haven.claims(request)
    permit = haven.permit(claims)
    put(haven, request, claims, permit=permit)

    with pytest.raises(PermitUsed):
        put(haven, haven.request(), claims, permit=permit)
    with pytest.raises(PermitUsed):
        put(haven, request, claims | {"epoch": 8})
    with pytest.raises(PermitInvalid):
        put(haven, request, claims, permit=permit, client_id="another")
    assert haven.actions().count("preparation-accepted") == 1


def test_a_permit_for_another_request_is_refused(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    request = haven.request()
    claims = haven.claims(request)

    for other in (
        haven.request(),
        request | {"fields": ["Sex"]},
        request | {"agreement": "DARS-NIC-999999-A1B2C"},
    ):
        with pytest.raises(PermitMismatch):
            put(haven, other, claims)
    asked = RequestedExtract.model_validate(request)
    with pytest.raises(PermitMismatch):
        accept(new_id(), haven.permit(claims), asked, ctx=haven.context())
    assert haven.actions() == []


def test_a_permit_that_is_not_of_agreements_or_not_of_now_is_refused(sqlite_haven, clock):
    haven = sqlite_haven
    haven.land(RECORDS)
    request = haven.request()
    claims = haven.claims(request)
    permit = haven.permit(claims)
    head, payload, signature = permit.split(".")
    stranger = Signer(generate_jwk())
    bad = [
        f"{head}.{payload[:-2]}AA.{signature}",
        f"{head}.{payload}.{signature[:-4]}AAAA",
        issue(stranger, PERMIT, claims, at=clock.now()),
        haven.agreements.sign(claims | {"iss": PERMIT.iss, "aud": PERMIT.aud}, typ="at+jwt"),
        "x.y.z",
        "",
    ]

    for one in bad:
        with pytest.raises(PermitInvalid):
            put(haven, request, claims, permit=one)
    clock.advance(timedelta(seconds=61))
    with pytest.raises(PermitInvalid):
        put(haven, request, claims, permit=permit)
    assert haven.actions() == []


CONTRADICTIONS = {
    "a domain id that is not its digest": lambda c: c["domain"].update(id="sha256:" + "0" * 64),
    "a domain of another agreement": lambda c: c["domain"].update(agreement="DARS-NIC-1"),
    "codes although national": lambda c: c["population"].update(rule="national"),
    "no codes": lambda c: c["population"].update(codes=[]),
    "no reasons": lambda c: c["population"].update(reasons=[]),
    "a reason that there is not": lambda c: c["population"].update(reasons=["X"]),
    "a member that we do not know": lambda c: c["line"].update(only_over_65=True),
    "a claim that we do not know": lambda c: c.update(embargo="2019-01-01"),
    "no periods": lambda c: c.update(periods=[]),
    "no formats": lambda c: c.update(formats=[]),
    "a format that we do not make": lambda c: c.update(formats=["xlsx"]),
    "a field twice": lambda c: c.update(fields=[{"name": "Sex", "treatment": "as_is"}] * 2),
    "a treatment that there is not": lambda c: c.update(
        fields=[{"name": "Sex", "treatment": "rot13"}]
    ),
    "opt-outs that contradict the domain": lambda c: c["opt_out"].update(applied=True),
    "no line": lambda c: c.pop("line"),
}


@pytest.mark.parametrize("change", CONTRADICTIONS.values(), ids=CONTRADICTIONS.keys())
def test_a_permit_that_contradicts_itself_is_refused(sqlite_haven, change):
    sqlite_haven.land(RECORDS)
    request = sqlite_haven.request()
    claims = sqlite_haven.claims(request)
    change(claims)

    with pytest.raises(PermitInvalid):
        put(sqlite_haven, request, claims)
    assert sqlite_haven.actions() == []


ANOTHER_DOMAIN = {
    "domain.agreement": {"agreement": "DARS-NIC-1"},
    "domain.purpose": {"purpose": "RS"},
    "domain.data_sets": {"data_sets": ["DIDS"]},
    "domain.opt_out": {"opt_out": "applied"},
}


@pytest.mark.parametrize(("said", "facts"), ANOTHER_DOMAIN.items(), ids=ANOTHER_DOMAIN)
def test_a_permit_for_a_sound_domain_of_something_else_is_refused(sqlite_haven, said, facts):
    """Guards: each of the contradictions alone; the domain's id is that of its own facts."""
    sqlite_haven.land(RECORDS)
    request = sqlite_haven.request()
    claims = sqlite_haven.claims(request)
    domain = {name: value for name, value in claims["domain"].items() if name != "id"} | facts
    claims["domain"] = {"id": digest_of(domain), **domain}

    with pytest.raises(PermitInvalid, match=f"contradicts itself: {said}[.]"):
        put(sqlite_haven, request, claims)
    assert sqlite_haven.actions() == []


@pytest.mark.scenario("R03")
def test_what_the_catalogue_never_lets_out_is_refused_whatever_the_permit_says(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    forbidden = {
        "NHS_Number": "as_is",
        "Date_of_Birth": "as_is",
        "Postcode": "as_is",
        "Hospital_Spell_No": "as_is",
        "Der_Postcode_Grid_Easting": "as_is",
        "No_Such_Field": "as_is",
    }
    request = haven.request(fields=["Sex", *forbidden])
    fields = [{"name": n, "treatment": t} for n, t in ({"Sex": "as_is"} | forbidden).items()]

    with pytest.raises(Refused) as refused:
        put(haven, request, haven.claims(request, fields=fields))

    assert [(r.code, r.subject) for r in refused.value.refusals] == [
        ("FIELD_NOT_IN_CATALOGUE" if n == "No_Such_Field" else "FORM_NOT_ALLOWED", n)
        for n in forbidden
    ]
    assert haven.actions() == []


def test_an_identifiable_line_is_not_prepared_in_this_form(sqlite_haven):
    sqlite_haven.land(RECORDS)
    request = sqlite_haven.request(classification="IDENTIFIABLE")

    with pytest.raises(Refused) as refused:
        put(sqlite_haven, request, sqlite_haven.claims(request))
    assert refused.value.code == "FORM_NOT_ALLOWED"


def test_a_digest_that_the_catalogue_does_not_have_is_refused(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    request = haven.request()
    line = haven.claims(request)["line"]
    dids = CATALOGUE.get("DIDS").digest

    for change in ({"catalogue_digest": "sha256:" + "0" * 64}, {"catalogue_digest": dids}):
        with pytest.raises(CatalogueUnknown):
            put(haven, request, haven.claims(request, line=line | change))


def test_periods_for_which_nothing_was_landed_are_all_named(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS, period="2018-04")
    haven.land(RECORDS, period="2018-07/2018-09", provider="RJE")
    request = haven.request(periods=["2018-04", "2018-05", "2018-08", "2018-10"])

    with pytest.raises(NoEdition) as refused:
        put(haven, request, haven.claims(request))
    assert refused.value.members == {"periods": ["2018-05", "2018-10"]}
    assert haven.actions() == []


def test_an_edition_without_the_areas_that_rows_are_filtered_by_is_not_prepared(sqlite_haven):
    """No row of it would pass, as if nobody lived there."""
    haven = sqlite_haven
    haven.land(RECORDS)
    editions_are(haven.engine, "areas_untold = :u", u='["lsoa"]')
    by_area = {"column": "Der_Postcode_LSOA_2011_Code", "any_of": ["E01000001"]}

    with pytest.raises(AreasUntold) as refused:
        put(haven, *filtered(haven, by_area))
    assert refused.value.members == {"areas": ["lsoa"]}
    assert haven.actions() == []


def made_by(haven, version, digest):
    """Say that what was landed was made by other landing rules."""
    change = "landing_rules_version = :v, landing_rules_digest = :d"
    editions_are(haven.engine, change, v=version, d=digest)


@pytest.mark.parametrize(("version", "digest"), [(None, None), (1, "sha256:" + "0" * 64)])
def test_what_was_landed_by_no_rules_or_by_unknown_ones_is_not_prepared(
    sqlite_haven, version, digest
):
    haven = sqlite_haven
    haven.land(RECORDS)
    made_by(haven, version, digest)
    request = haven.request()

    with pytest.raises(UnsafeEditions) as refused:
        put(haven, request, haven.claims(request))
    assert refused.value.members == {"periods": ["2018-04"]}
    assert haven.actions() == []


def test_an_edition_that_became_unsafe_after_it_was_pinned_is_not_prepared(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    haven.jobs = replace(haven.jobs, catalogue=replace(CATALOGUE, landing_rules=(STRICTER,)))
    haven.work()

    done = get(accepted.id, ctx=haven.context())
    assert (done.state, done.code) == (PreparationState.FAILED, "EDITION_UNSAFE")


def test_a_line_of_the_published_version_is_served_from_what_a_later_one_landed(sqlite_haven):
    """An agreement in force names a digest; a new version of the data set is no end of it."""
    haven = sqlite_haven
    later = SUS.model_copy(update={"version": "1.1", "digest": "sha256:" + "1" * 64})
    known = replace(CATALOGUE, data_sets=(*CATALOGUE.data_sets, later))
    haven.preparing = replace(haven.preparing, catalogue=known)
    edition = haven.land(RECORDS)
    change = "catalogue_version = '1.1', catalogue_digest = :d"
    editions_are(haven.engine, change, d=later.digest)

    done = haven.prepare()

    assert done.state is PreparationState.PREPARED
    assert [e.id for e in done.editions] == [edition]


def test_what_has_not_the_lines_columns_does_not_serve_it(sqlite_haven):
    haven = sqlite_haven
    poorer = SUS.model_copy(
        update={
            "version": "1.1",
            "digest": "sha256:" + "1" * 64,
            "fields": tuple(f for f in SUS.fields if f.name != "Sex"),
        }
    )
    known = replace(CATALOGUE, data_sets=(*CATALOGUE.data_sets, poorer))
    haven.preparing = replace(haven.preparing, catalogue=known)
    haven.land(RECORDS)
    with Session(haven.engine) as session:
        session.execute(text("UPDATE edition SET catalogue_digest = :d"), {"d": poorer.digest})
        session.commit()

    with pytest.raises(NoEdition):
        haven.accept()


def test_an_edition_is_pinned_when_the_permit_is_accepted(sqlite_haven):
    haven = sqlite_haven
    first = haven.land(RECORDS[:20])
    accepted = haven.accept()
    second = haven.land(RECORDS)
    with Session(haven.engine) as session:
        session.execute(
            text("UPDATE edition SET superseded_by = :new WHERE id = :old"),
            {"new": second.hex, "old": first.hex},
        )
        session.commit()

    haven.work()
    done = get(accepted.id, ctx=haven.context())
    after = haven.accept()

    assert [e.id for e in done.editions] == [first]
    assert [e.id for e in after.editions] == [second]


@pytest.mark.scenario("R24")
def test_the_same_request_with_a_new_permit_has_the_same_content(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)

    one = haven.prepare(request=haven.request())
    two = haven.prepare(request=haven.request())

    assert one.id != two.id
    assert one.files[0].digest == two.files[0].digest


@pytest.mark.scenario("R18")
@pytest.mark.scenario("R19")
def test_each_domain_has_a_key_and_tokens_of_its_own(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    other_agreement = haven.request(agreement="DARS-NIC-654321-Z9Y8X")

    one, two = haven.prepare(), haven.prepare(request=other_agreement)

    tokens = [{row[0] for row in haven.rows_of(p.files[0])} for p in (one, two)]
    # Without the two bytes by which domains are told apart: whom it is about is in the block.
    blocks = [{urlsafe_b64decode(token)[2:] for token in of_one} for of_one in tokens]
    assert blocks[0].isdisjoint(blocks[1])
    assert len(blocks[0]) == len(blocks[1]) == len(tokens[0]) > 1
    assert haven.attested(one.files[0])["domain"] != haven.attested(two.files[0])["domain"]


UPHELD = {"opt_out": {"applied": True, "list_age_days_max": 7}}


@pytest.mark.scenario("R13")
def test_opted_out_people_are_left_out_and_the_list_is_named(haven, clock):
    haven.land(RECORDS)
    haven.opt_out(NUMBERS, on=date(2018, 5, 1))
    newest = haven.opt_out([NUMBERS[0]], on=date(2018, 5, 28))
    haven.opt_out(NUMBERS, on=date(2018, 5, 2))

    done = haven.prepare(**UPHELD)

    said = haven.attested(done.files[0])
    assert said["opt_out"] == {
        "applied": True,
        "list_id": str(newest),
        "list_date": "2018-05-28",
        "list_digest": "sha256:" + "0" * 64,
        "besides": [],
        "people_left_out": 1,
        "rows_without_person_left_out": 0,
    }
    tokens = {row[0] for row in haven.rows_of(done.files[0])}
    assert len(tokens) == 3


NEWEST = "(SELECT id FROM opt_out_list ORDER BY list_date DESC LIMIT 1)"
FORGED = (
    "CREATE TEMPORARY TABLE forged AS SELECT * FROM opt_out_list WHERE list_date = '2018-05-01'"
)


@pytest.mark.parametrize(
    "statements",
    [
        [f"DELETE FROM opt_out_list WHERE id = {NEWEST}"],
        ["DELETE FROM opt_out_list"],
        ["UPDATE opt_out_list SET list_date = '2018-06-01' WHERE list_date = '2018-05-01'"],
        [f"UPDATE opt_out_list SET state = 'superseded' WHERE id = {NEWEST}"],
        [f"UPDATE opt_out_list SET state = 'garbage' WHERE id = {NEWEST}"],
        ["UPDATE opt_out_list SET people = 0, digest = 'sha256:0'"],
        [FORGED, "UPDATE forged SET id = '00000000000000000000000000000009'",
         "INSERT INTO opt_out_list SELECT * FROM forged"],
        ["DELETE FROM audit_leaf WHERE entry LIKE '%opt-out-lists%'"],
        ["UPDATE audit_leaf SET entry = replace(entry, '2018-05-28', '2018-05-01')"],
    ],
)  # fmt: skip
def test_nothing_is_prepared_by_lists_that_are_not_what_the_log_says(sqlite_haven, statements):
    """Guard: `Logged.lists_agree`. Who writes into the database changes not who is left out."""
    haven = sqlite_haven
    haven.land(RECORDS)
    haven.opt_out(NUMBERS[1:], on=date(2018, 5, 1))
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 28))
    with haven.engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)

    failed = haven.prepare(**UPHELD)

    # Where the log itself is not whole, what is compared with it first says so.
    said = "EDITIONS" if any("audit_leaf" in one for one in statements) else "LISTS"
    assert (failed.state, failed.code) == (PreparationState.FAILED, f"{said}_NOT_AS_LOGGED")
    assert haven.objects() == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE opt_out_check SET purpose = 'COM'",
        "UPDATE opt_out_check SET editions = '[]'",
        "UPDATE opt_out_check SET opened_at = '2018-06-01 12:00:00.000000'",
        "UPDATE opt_out_check SET reply_state = 'confirmed' WHERE reply_state = 'waiting'",
        "UPDATE opt_out_check SET recalled_at = NULL",
        "DELETE FROM opt_out_check WHERE reply_state = 'taken_back'",
    ],
)
def test_nor_by_checks_that_are_not(sqlite_haven, statement):
    haven = sqlite_haven
    edition = haven.land(RECORDS)
    haven.check(NUMBERS, editions=[edition], purpose="IV")
    haven.check(NUMBERS, editions=[edition], opened_at=ago(haven, 1))
    haven.check(NUMBERS[:1], editions=[edition], state=Replacement.WAITING)
    haven.check([], editions=[edition], opened_at=ago(haven, 3), state=Replacement.TAKEN_BACK)
    assert haven.prepare(**BY_CHECK).state is PreparationState.PREPARED
    with haven.engine.begin() as connection:
        connection.exec_driver_sql(statement)

    assert haven.prepare(**BY_CHECK).code == "LISTS_NOT_AS_LOGGED"


@pytest.mark.parametrize(
    "change",
    [
        "edition SET landing_rules_version = 9",
        "edition SET provider = 'RR8'",
        "edition SET number = 7",
        "edition SET practice_map_id = NULL",
        "edition SET id = '00000000000000000000000000000009'",
        "edition SET object_key = object_key || 'x'",
        "audit_leaf SET entry = replace(entry, 'editions/', 'else/')",
    ],
)
def test_nothing_is_prepared_of_an_edition_that_is_not_what_was_landed(sqlite_haven, change):
    """Guard: `Logged.have`. What an edition is released by cannot be written into its row."""
    haven = sqlite_haven
    haven.land(RECORDS)
    with haven.engine.begin() as connection:
        connection.exec_driver_sql(f"UPDATE {change}")

    assert haven.prepare().code == "EDITIONS_NOT_AS_LOGGED"
    assert haven.objects() == []


def test_nor_where_a_preparation_was_made_to_name_another(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    with haven.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE preparation SET editions = replace(editions, 'RH8', 'RR8')"
        )

    haven.work()

    assert get(accepted.id, ctx=haven.context()).code == "EDITIONS_NOT_AS_LOGGED"


BY_CHECK = {"opt_out": {"applied": True, "list_age_days_max": 7, "by": "check"}}


@pytest.mark.scenario("R12")
def test_without_a_reply_nothing_is_prepared_where_the_line_goes_by_the_check(haven, clock):
    edition = haven.land(RECORDS)
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 30))  # a list of objectors is no reply
    haven.check(None, editions=[edition])
    haven.check(NUMBERS, editions=[edition], purpose="IV")
    haven.check(NUMBERS, editions=[UUID(int=9)])
    haven.check(NUMBERS, editions=[edition], opened_at=haven.clock.now() - timedelta(days=8))

    failed = haven.prepare(**BY_CHECK)

    assert (failed.state, failed.code) == (PreparationState.FAILED, "OPT_OUT_NOT_APPLIED")
    assert haven.objects() == []


@pytest.mark.scenario("R13")
def test_whoever_is_not_in_the_reply_is_left_out_and_the_reply_is_named(haven, clock):
    edition = haven.land(RECORDS)
    haven.check(NUMBERS, editions=[edition], opened_at=haven.clock.now() - timedelta(days=1))
    reply = haven.check([NUMBERS[1]], editions=[edition])

    done = haven.prepare(**BY_CHECK)

    said = haven.attested(done.files[0])["opt_out"]
    assert (said["applied"], said["list_id"]) == (True, str(reply))
    assert said["list_date"] == haven.clock.now().date().isoformat()
    assert len({row[0] for row in haven.rows_of(done.files[0])}) == 1


def test_an_empty_reply_leaves_everybody_out(haven, clock):
    edition = haven.land(RECORDS)
    haven.check([], editions=[edition])

    done = haven.prepare(**BY_CHECK)

    assert haven.rows_of(done.files[0]) == []


def ago(haven, days):
    return haven.clock.now() - timedelta(days=days)


def test_while_a_reply_waits_only_who_is_in_both_is_there(haven, clock):
    edition = haven.land(RECORDS)
    in_force = haven.check(NUMBERS[:2], editions=[edition], opened_at=ago(haven, 2))
    haven.check([], editions=[edition], opened_at=ago(haven, 3))
    waiting = haven.check(NUMBERS[1:], editions=[edition], state=Replacement.WAITING)

    done = haven.prepare(**BY_CHECK)

    said = haven.attested(done.files[0])["opt_out"]
    assert (said["list_id"], said["besides"]) == (str(in_force), [str(waiting)])
    assert said["people_left_out"] == 3


@pytest.mark.parametrize("state", [Replacement.WAITING, Replacement.TAKEN_BACK])
def test_by_a_reply_that_is_not_in_force_nothing_is_prepared(haven, clock, state):
    edition = haven.land(RECORDS)
    haven.check(NUMBERS, editions=[edition], state=state)

    assert haven.prepare(**BY_CHECK).code == "OPT_OUT_NOT_APPLIED"


def test_no_older_reply_takes_the_place_of_one_that_was_taken_back(haven, clock):
    edition = haven.land(RECORDS)
    haven.check(NUMBERS, editions=[edition], opened_at=ago(haven, 1))
    haven.check(NUMBERS[:1], editions=[edition], state=Replacement.TAKEN_BACK)

    assert haven.prepare(**BY_CHECK).code == "OPT_OUT_NOT_APPLIED"


def test_a_newer_reply_serves_after_one_was_taken_back(haven, clock):
    edition = haven.land(RECORDS)
    haven.check(NUMBERS, editions=[edition], opened_at=ago(haven, 1), state=Replacement.TAKEN_BACK)
    reply = haven.check(NUMBERS[:1], editions=[edition])

    done = haven.prepare(**BY_CHECK)

    assert haven.attested(done.files[0])["opt_out"]["list_id"] == str(reply)


@pytest.mark.parametrize(
    ("asked_for", "gone", "code"),
    [
        (BY_CHECK, "UPDATE opt_out_check SET reply_state = 'taken_back'", "OPT_OUT_NOT_APPLIED"),
        (UPHELD, "UPDATE opt_out_list SET state = 'taken_back'", "OPT_OUT_NOT_APPLIED"),
        (UPHELD, "UPDATE opt_out_list SET state = 'leaving'", "OPT_OUT_NOT_APPLIED"),
        (UPHELD, "UPDATE opt_out_list SET state = 'superseded'", None),
    ],
)
def test_what_is_taken_back_while_files_are_made_with_it_leaves_none(
    haven, clock, monkeypatch, asked_for, gone, code
):
    edition = haven.land(RECORDS)
    haven.check(NUMBERS[:2], editions=[edition])
    haven.opt_out(NUMBERS[:2], on=date(2018, 5, 30))
    put = haven.store.put

    def taken_back_meanwhile(*args, **kwargs):
        with Session(haven.engine) as session:
            session.execute(text(gone))
            session.commit()
        return put(*args, **kwargs)

    monkeypatch.setattr(
        type(haven.store), "put", lambda _store, *a, **k: taken_back_meanwhile(*a, **k)
    )

    done = haven.prepare(**asked_for)

    assert done.code == code
    assert bool(haven.objects()) == (code is None)


def test_while_a_list_waits_whoever_is_on_either_is_left_out(haven, clock):
    haven.land(RECORDS)
    in_force = haven.opt_out([NUMBERS[0]], on=date(2018, 5, 27))
    haven.opt_out(NUMBERS, on=date(2018, 5, 26), state=Replacement.TAKEN_BACK)
    haven.opt_out(NUMBERS, on=date(2018, 5, 28), state=Replacement.SUPERSEDED)
    waiting = haven.opt_out([NUMBERS[1]], on=date(2018, 5, 28), state=Replacement.WAITING)

    done = haven.prepare(**UPHELD)

    said = haven.attested(done.files[0])["opt_out"]
    assert (said["list_id"], said["besides"]) == (str(in_force), [str(waiting)])
    assert said["people_left_out"] == 2


def test_a_list_that_is_about_to_be_taken_back_holds_beside_the_one_before(haven, clock):
    haven.land(RECORDS)
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 26))
    haven.opt_out([NUMBERS[1]], on=date(2018, 5, 27), state=Replacement.LEAVING)

    assert haven.attested(haven.prepare(**UPHELD).files[0])["opt_out"]["people_left_out"] == 2


def test_a_list_that_waits_is_no_list_in_force(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    haven.opt_out([NUMBERS[0]], on=date(2018, 5, 28), state=Replacement.WAITING)

    assert haven.prepare(**UPHELD).code == "OPT_OUT_NOT_APPLIED"


@pytest.mark.scenario("R12")
@pytest.mark.parametrize("on", [None, date(2018, 5, 24), date(2018, 6, 2)])
def test_without_a_list_that_is_new_enough_nothing_is_prepared(sqlite_haven, on):
    haven = sqlite_haven
    haven.land(RECORDS)
    if on:
        haven.opt_out([NUMBERS[0]], on=on)

    failed = haven.prepare(**UPHELD)

    assert (failed.state, failed.code) == (PreparationState.FAILED, "OPT_OUT_NOT_APPLIED")
    assert haven.objects() == []
    assert [e["type"] for e in haven.events()] == ["pseudonymisation.preparation-failed.v1"]


@pytest.mark.scenario("R15")
def test_personal_data_fails_the_preparation_and_leaves_nothing(sqlite_haven):
    haven = sqlite_haven
    haven.land([*RECORDS, record(1, Sex=NUMBERS[2], reasons={"G": "02P"})])

    failed = haven.prepare(request=haven.request(formats=["parquet", "csv"]))

    assert (failed.state, failed.code, failed.files) == (PreparationState.FAILED, "PCD_LEAK", ())
    assert haven.objects() == []
    assert list((haven.directory / "scratch").iterdir()) == []
    (event,) = haven.events()
    assert event["data"] == {
        "preparation_id": str(failed.id),
        "extract_id": str(failed.permit.extract_id),
        "code": "PCD_LEAK",
    }
    assert haven.actions()[-1] == "preparation-failed"


def test_a_closed_domain_stays_closed(haven):
    haven.land(RECORDS)
    haven.prepare()
    before = haven.accept()

    assert haven.close_domains() == 1
    assert haven.close_domains() == 0
    haven.work()

    with pytest.raises(DomainClosed):
        haven.accept()
    assert get(before.id, ctx=haven.context()).code == "DOMAIN_CLOSED"
    assert haven.actions().count("domain-closed") == 1


@pytest.mark.scenario("X02")
def test_the_key_of_a_domain_is_destroyed_when_nothing_of_it_is_held_and_some_time_is_over(haven):
    haven.land(RECORDS)
    domain = haven.prepare().permit.domain.id
    name = f"domain/{domain.removeprefix('sha256:')}"
    haven.close_domains()
    haven.clock.advance(KEYS_KEPT)
    haven.jobs.sweep()
    assert haven.keys.get_even_closed(name), "files of it are still held"

    assert haven.close_domains(settled=True) == 1
    assert haven.close_domains(settled=True) == 0
    haven.clock.advance(KEYS_KEPT - timedelta(seconds=1))
    haven.jobs.sweep()
    assert haven.keys.get_even_closed(name)
    haven.clock.advance(timedelta(seconds=1))
    haven.jobs.sweep()
    haven.jobs.sweep()

    with pytest.raises(KeyDestroyed):
        haven.keys.get_even_closed(name)
    with pytest.raises(DomainClosed):
        haven.accept()
    assert haven.close_domains(settled=True) == 0
    with haven.uow.reading() as tx:
        assert [d.state for d in tx.domains.of_agreement("DARS-NIC-123456-A1B2C")] == [
            DomainState.DESTROYED
        ]
    done = ("domain-closed", "domain-settled", "domain-key-destroyed")
    assert [haven.actions().count(action) for action in done] == [1, 1, 1]


def test_a_key_that_was_destroyed_before_its_row_said_so_is_not_forgotten(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    domain = haven.prepare().permit.domain.id
    haven.close_domains(settled=True)
    haven.keys.destroy(f"domain/{domain.removeprefix('sha256:')}")
    haven.clock.advance(KEYS_KEPT)

    haven.jobs.sweep()

    assert haven.actions()[-1] == "domain-key-destroyed"


GONE_ON = {"environment": "environment-2", "times": 1}


def columns_of_tokens(haven, done):
    return sorted((row[0], row[-1]) for row in haven.rows_of(done.files[0]))


def test_tokens_are_the_same_where_a_domain_goes_on_and_its_former_environment_gets_none(haven):
    haven.land(RECORDS)
    before = haven.prepare()
    under_way = haven.accept()

    after = haven.prepare(goes_on=GONE_ON)

    assert after.permit.domain == before.permit.domain
    assert columns_of_tokens(haven, after) == columns_of_tokens(haven, before)
    late = get(under_way.id, ctx=haven.context())
    assert (late.code, late.files) == ("DOMAIN_TRANSFERRED", ()), "accepted before, made after"
    with pytest.raises(DomainTransferred):
        haven.accept()
    with pytest.raises(DomainTransferred):
        haven.accept(goes_on=GONE_ON | {"environment": "environment-3"})
    assert haven.prepare(goes_on=GONE_ON).state is PreparationState.PREPARED
    assert haven.actions().count("domain-transferred") == 1
    moved = next(leaf for leaf in haven.leaves() if leaf["action"] == "domain-transferred")
    assert moved["detail"]["environment"] == GONE_ON["environment"]
    assert haven.close_domains(settled=True) == 1
    haven.clock.advance(KEYS_KEPT)
    haven.jobs.sweep()
    with pytest.raises(KeyDestroyed):
        haven.keys.get_even_closed(f"domain/{before.permit.domain.id[7:]}")
    with pytest.raises(DomainClosed):
        haven.accept(goes_on=GONE_ON)


def test_what_is_heard_of_a_transfer_ends_the_former_environment_before_any_permit(sqlite_haven):
    """Guard: `domains.go_on`. What was accepted for it before is not made any more."""
    haven = sqlite_haven
    haven.land(RECORDS)
    before = haven.prepare()
    under_way = haven.accept()
    origin = before.permit.domain.environment

    assert haven.domains_go_on("another-environment", "environment-2", 1) == 0
    assert haven.domains_go_on(origin, "environment-2", 1) == 1
    assert haven.domains_go_on(origin, "environment-2", 1) == 0, "told twice"

    haven.work()
    assert get(under_way.id, ctx=haven.context()).code == "DOMAIN_TRANSFERRED"
    with pytest.raises(DomainTransferred):
        haven.accept()
    after = haven.prepare(goes_on=GONE_ON)
    assert columns_of_tokens(haven, after) == columns_of_tokens(haven, before)
    assert haven.domains_go_on(origin, "environment-3", 2) == 1
    assert haven.domains_go_on(origin, "environment-2", 1) == 0, "told late"
    moved = [leaf for leaf in haven.leaves() if leaf["action"] == "domain-transferred"]
    assert [(one["detail"]["environment"], one["detail"]["times"]) for one in moved] == [
        ("environment-2", 1),
        ("environment-3", 2),
    ]


@pytest.mark.parametrize(
    "written",
    [
        "UPDATE pseudonym_domain SET environment = NULL, times = 0",
        "UPDATE pseudonym_domain SET environment = 'environment-1', times = 7",
        "UPDATE pseudonym_domain SET state = 'open', closed_at = NULL",
    ],
    ids=["back to where it began", "to another", "opened again"],
)
def test_a_domain_that_was_written_past_the_service_is_not_used(sqlite_haven, written):
    haven = sqlite_haven
    haven.land(RECORDS)
    haven.prepare(goes_on=GONE_ON)
    haven.close_domains()

    with haven.engine.begin() as connection:
        connection.execute(text(written))

    for goes_on in ({}, {"goes_on": GONE_ON}):
        with pytest.raises(RecordNotAsLogged):
            haven.accept(**goes_on)


def test_a_domain_that_was_closed_before_it_minted_anything_gets_no_key(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    haven.close_domains()
    # The rows are put back, as from an old backup: the key store remembers all the same.
    with Session(haven.engine) as session:
        session.execute(text("UPDATE pseudonym_domain SET state = 'open', closed_at = NULL"))
        session.commit()

    haven.work()

    assert get(accepted.id, ctx=haven.context()).code == "DOMAIN_CLOSED"


def test_with_the_key_store_away_the_answer_is_no(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    shutil.move(haven.directory / "keys", haven.directory / "elsewhere")

    haven.work()

    failed = get(accepted.id, ctx=haven.context())
    assert (failed.state, failed.code) == (PreparationState.FAILED, "KEY_UNAVAILABLE")
    assert haven.objects() == []


def test_with_the_release_store_away_the_answer_is_no(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    shutil.rmtree(haven.directory / "release")

    haven.work()

    failed = get(accepted.id, ctx=haven.context())
    assert (failed.state, failed.code) == (PreparationState.FAILED, "RELEASE_STORE_UNAVAILABLE")
    assert not (haven.directory / "release").exists()


def test_with_an_edition_destroyed_the_answer_is_no(sqlite_haven):
    haven = sqlite_haven
    edition = haven.land(RECORDS)
    accepted = haven.accept()
    haven.keys.destroy(f"edition/{edition}")

    haven.work()

    assert get(accepted.id, ctx=haven.context()).code == "EDITION_DESTROYED"


def test_with_an_edition_that_cannot_be_read_the_answer_is_no(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    (path,) = (haven.directory / "landing" / "editions").rglob("*.parquet")
    path.write_bytes(b"not what it was")

    haven.work()

    assert get(accepted.id, ctx=haven.context()).code == "ENGINE_FAILED"


# --- several workers, and dead ones ---------------------------------------------------------------


def test_a_claim_is_taken_by_one_worker_only(haven):
    haven.land(RECORDS)
    for _ in range(6):
        haven.accept()
    claims, barrier = [], threading.Barrier(6)

    def work() -> None:
        barrier.wait(60)
        claim = haven.jobs.claim()
        if claim is not None:
            claims.append(claim)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    taken = [c.job.id for c in claims]
    assert len(taken) == len(set(taken)) > 0


def test_a_worker_that_was_not_heard_of_is_followed_by_another_and_what_it_left_is_swept(
    haven, clock
):
    haven.land(RECORDS)
    accepted = haven.accept()
    dead = haven.jobs.claim()
    orphan = f"preparations/{accepted.id}/{dead.attempt}/{new_id()}.parquet"
    source = haven.directory / "left"
    source.write_bytes(b"left by the dead")
    haven.store.put(orphan, source, halfway=lambda: None)
    (haven.directory / "scratch" / str(dead.attempt)).mkdir()

    haven.jobs.sweep()
    assert haven.objects() == [orphan]
    assert haven.jobs.claim() is None

    clock.advance(haven.jobs.claims.duration + timedelta(seconds=1))
    haven.work()

    done = get(accepted.id, ctx=haven.context())
    assert done.state is PreparationState.PREPARED
    assert done.attempt != dead.attempt
    assert haven.objects() == [done.files[0].object_key]
    haven.jobs.sweep()
    assert list((haven.directory / "scratch").iterdir()) == []


def test_orphans_of_finished_attempts_are_swept_and_named_objects_stay(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    done = haven.prepare()
    source = haven.directory / "left"
    source.write_bytes(b"left")
    for name in (
        f"preparations/{done.id}/{new_id()}/x.parquet",
        f"preparations/{new_id()}/a/b.csv",
    ):
        haven.store.put(name, source, halfway=lambda: None)
    unfinished = haven.directory / "release" / "preparations" / "y" / "z" / "w.parquet.part"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(b"in the middle")

    haven.jobs.sweep()

    assert haven.objects() == [done.files[0].object_key]


def test_a_worker_whose_claim_was_lost_names_nothing_and_takes_its_objects_away(haven, clock):
    haven.land(RECORDS)
    accepted = haven.accept()
    slow = haven.jobs.claim()
    clock.advance(haven.jobs.claims.duration + timedelta(seconds=1))
    haven.work()

    haven.jobs.run(slow)

    done = get(accepted.id, ctx=haven.context())
    assert done.state is PreparationState.PREPARED
    assert haven.objects() == [done.files[0].object_key]
    assert len(haven.events()) == 1


def test_a_preparation_that_ends_every_worker_is_given_up(sqlite_haven, clock):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    for _ in range(3):
        assert haven.jobs.claim() is not None
        clock.advance(haven.jobs.claims.duration + timedelta(seconds=1))

    assert haven.jobs.claim() is None

    failed = get(accepted.id, ctx=haven.context())
    assert (failed.state, failed.code) == (PreparationState.FAILED, "ABANDONED")
    assert [e["data"]["code"] for e in haven.events()] == ["ABANDONED"]


def test_a_long_preparation_renews_its_claim_and_tells_how_far_it_is(haven, clock, monkeypatch):
    haven.land(RECORDS)
    accepted = haven.accept()
    jobs = replace(haven.jobs, claims=ClaimTimes(duration=timedelta(seconds=0.3)))
    seen = {}

    def slowly(plan, *, report, **more):
        report(0, 12)
        deadline = threading.Event()
        for _ in range(100):
            now = get(accepted.id, ctx=haven.context())
            if now.rows_total == 12 and now.claimed_until > claim.job.claimed_until:
                seen["rows_total"] = now.rows_total
                break
            deadline.wait(0.1)
        return real(plan, report=report, **more)

    from pseudonymisation.preparations.adapters import extract_engine

    real = preparation.prepare
    monkeypatch.setattr(extract_engine, "prepare", slowly)
    claim = jobs.claim()
    clock.advance(0.1)
    jobs.run(claim)

    assert seen == {"rows_total": 12}
    assert get(accepted.id, ctx=haven.context()).state is PreparationState.PREPARED


def test_how_far_a_preparation_is_does_not_wait_for_the_next_renewal(sqlite_haven, monkeypatch):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()
    often = timedelta(seconds=0.02)
    long = timedelta(seconds=240)  # so that nothing is renewed meanwhile, on a busy machine too
    jobs = replace(haven.jobs, claims=ClaimTimes(duration=long, progress_every=often))
    seen = []

    def slowly(plan, *, report, **more):
        for done in (0, 5, 12):
            report(done, 12)
            end = time.monotonic() + jobs.claims.duration.total_seconds() / 4
            while (now := get(accepted.id, ctx=haven.context())).rows_done != done or (
                now.rows_total != 12
            ):
                assert time.monotonic() < end
                time.sleep(0.01)
            seen.append(now.rows_done)
        return real(plan, report=report, **more)

    from pseudonymisation.preparations.adapters import extract_engine

    real = preparation.prepare
    monkeypatch.setattr(extract_engine, "prepare", slowly)
    jobs.run(jobs.claim())

    assert seen == [0, 5, 12]


def test_the_rows_of_others_are_not_to_be_known(sqlite_haven):
    haven = sqlite_haven
    haven.land(RECORDS)
    accepted = haven.accept()

    with pytest.raises(PreparationNotFound):
        get(accepted.id, ctx=haven.context("another"))
    with pytest.raises(PreparationNotFound):
        get(new_id(), ctx=haven.context())


def test_two_who_put_the_same_permit_at_once_make_one_preparation(haven):
    haven.land(RECORDS)
    request = haven.request()
    claims = haven.claims(request)
    permit = haven.permit(claims)
    barrier, answers = threading.Barrier(5), []

    def work() -> None:
        barrier.wait(60)
        answers.append(put(haven, request, claims, permit=permit))

    threads = [threading.Thread(target=work) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(answers) == 5
    assert [is_new for _, is_new in answers].count(True) == 1
    assert haven.actions().count("preparation-accepted") == 1


@pytest.mark.parametrize(("limit", "released"), [(None, True), (2, True), (3, False)])
def test_a_file_in_which_fewer_people_share_something_than_the_line_demands_is_none(
    haven, limit, released
):
    """Guard: `_require_large_groups`, before anything is stored (docs/adr/0121)."""
    haven.land([record(i) for i in range(8)])  # of four people, two have each sex
    request = haven.request(fields=["Sex"], formats=["parquet", "csv"])
    more = {} if limit is None else {"min_group_size": limit}

    done = haven.prepare(request=request, **more)

    if released:
        assert {haven.attested(f)["groups"]["smallest"] for f in done.files} == {2}
    else:
        assert (done.state, done.code, done.files) == (
            PreparationState.FAILED,
            "GROUP_TOO_SMALL",
            (),
        )
        assert done.subject == "Sex"
        assert haven.objects() == []
