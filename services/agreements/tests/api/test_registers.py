"""The public registers: whole, line by line, as spreadsheets, and with a signed statement."""

import csv
import io
import zipfile
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text

from agreements.records.use_cases.registers import PublicRegister
from common.ids import digest_of
from common.security.keys import REGISTER_STATEMENT, SignedVerifier
from common.security.roles import Role
from services.agreements.tests.api.test_relationships import consent
from services.agreements.tests.facts import CCG, CSU, OTHER_CSU, REFERENCE
from services.agreements.tests.service import NAMES

AGREEMENTS = "/v1/registers/agreements"


def again(service, **changes):
    """Another agreement, or another version, of a controller that has its contract."""
    return service.sign_all(service.draft(**changes))


def cells(answer):
    return list(csv.DictReader(io.StringIO(answer.text)))


def statement(service, register):
    answer = service.client.get(f"/v1/registers/statements/{register}")
    assert answer.status_code == 200, answer.text
    return answer.json()


def write(service, statement_, **values):
    with service.parts.engine.begin() as connection:
        connection.execute(text(statement_), values)


# Agreements


def test_what_nobody_or_not_everybody_has_signed_is_not_published(seeded):
    seeded.contract()
    drafted = seeded.draft()
    assert seeded.client.get(AGREEMENTS).json()["items"] == []

    seeded.sign("agreements", drafted, Role.CONTROLLER_SIGNATORY, CCG)

    assert seeded.client.get(AGREEMENTS).json()["items"] == []
    answer = seeded.client.get(f"{AGREEMENTS}/{REFERENCE}")
    assert (answer.status_code, answer.json()["code"]) == (404, "AGREEMENT_NOT_FOUND")


def test_a_version_in_force_is_a_line_for_everybody(seeded):
    seeded.active()

    page = seeded.client.get(AGREEMENTS).json()

    [line] = page["items"]
    assert line == {
        "not_as_sealed": [],
        "reference": REFERENCE,
        "version": "v0.0",
        "title": "Commissioning for Barnsley",
        "controllers": f"{NAMES[CCG]} ({CCG})",
        "controller_type": "Sole",
        "processors": f"{NAMES[CSU]} ({CSU})",
        "start": "2018-04-01",
        "end": "2021-03-31",
        "in_force_from": "2018-06-01",
        "status": "ACTIVE",
        "ended_on": None,
        "purposes": ["COM"],
        "data_sets": ["DIDS", "SUS_APC"],
        "classifications": ["PSEUDO_ANONYMISED"],
        "is_sensitive": False,
        "legal_bases": ["s261_1_and_s261_2_b_ii"],
        "commercial_purpose": False,
        "sub_licensing": False,
        "objectives": "Plan care",
        "origin": "application",
    }
    assert seeded.client.get(f"{AGREEMENTS}/{REFERENCE}").json()["items"] == [line]


def test_a_version_that_another_followed_stays_as_it_was(seeded):
    seeded.active()
    seeded.clock.advance(timedelta(days=3))
    again(seeded, version="v1.0", kind="amendment", title="Commissioning, amended")

    former, present = seeded.client.get(f"{AGREEMENTS}/{REFERENCE}").json()["items"]

    assert (former["version"], former["title"]) == ("v0.0", "Commissioning for Barnsley")
    assert (former["status"], former["ended_on"]) == ("SUPERSEDED", "2018-06-04")
    assert (present["version"], present["status"]) == ("v1.0", "ACTIVE")
    assert present["in_force_from"] == "2018-06-04"


def test_an_amendment_that_waits_for_a_signature_changes_nothing_in_the_register(seeded):
    seeded.active()
    before = seeded.client.get(f"{AGREEMENTS}/{REFERENCE}").json()["items"]

    seeded.draft(version="v1.0", kind="amendment", title="Commissioning, amended")

    assert seeded.client.get(f"{AGREEMENTS}/{REFERENCE}").json()["items"] == before


def test_an_agreement_that_was_ended_says_so_and_stays(seeded):
    seeded.active()
    body = {"reason": "no longer needed"}
    path = f"/v1/agreements/{REFERENCE}/termination"
    assert seeded.post(path, Role.CONTRACT_MANAGER, body).status_code == 200

    [line] = seeded.client.get(AGREEMENTS).json()["items"]

    assert (line["status"], line["ended_on"]) == ("TERMINATED", "2018-06-01")
    assert "no longer needed" not in seeded.client.get(AGREEMENTS).text


def test_pages_follow_one_another_and_a_spreadsheet_is_whole(seeded):
    seeded.active()
    other = "DARS-NIC-123457-A1B2C"
    again(seeded, reference=other, application_id="018f0000-0000-7000-8000-0000000000aa")

    first = seeded.client.get(AGREEMENTS, params={"limit": 1}).json()
    second = seeded.client.get(AGREEMENTS, params={"limit": 1, "after": first["next"]}).json()
    sheet = seeded.client.get(AGREEMENTS, params={"limit": 1, "format": "csv"})

    found = [row["reference"] for row in (*first["items"], *second["items"])]
    assert found == [REFERENCE, other]
    assert second["next"] is None
    assert [row["reference"] for row in cells(sheet)] == found
    assert sheet.headers["content-disposition"].endswith('agreements-2018-06-01.csv"')


@pytest.mark.parametrize("register", ["contracts", "agreements", "relationships"])
def test_a_workbook_has_the_lines_as_texts_and_no_formula(seeded, register):
    seeded.active(title="=HYPERLINK(1)")

    answer = seeded.client.get(f"/v1/registers/{register}", params={"format": "xlsx"})

    assert answer.status_code == 200
    assert answer.headers["content-type"].endswith("spreadsheetml.sheet")
    with zipfile.ZipFile(io.BytesIO(answer.content)) as book:
        sheet = book.read("xl/worksheets/sheet1.xml").decode()
        texts = book.read("xl/sharedStrings.xml").decode()
    assert "<f>" not in sheet
    assert ("=HYPERLINK(1)" in texts) is (register == "agreements")


def test_personal_data_in_a_title_is_withheld_in_every_form(seeded):
    seeded.active()
    write(
        seeded,
        "UPDATE agreement_version SET document = replace(document, :old, :new)",
        old='"title":"Commissioning for Barnsley"',
        new='"title":"Patient 999 000 0018"',
    )

    for params in ({}, {"format": "csv"}):
        assert "999 000 0018" not in seeded.client.get(AGREEMENTS, params=params).text
    assert seeded.client.get(AGREEMENTS).json()["items"][0]["not_as_sealed"] != []


def test_a_document_that_cannot_be_read_is_named_and_hides_no_other(seeded):
    seeded.active()
    other = "DARS-NIC-123457-A1B2C"
    again(seeded, reference=other, application_id="018f0000-0000-7000-8000-0000000000aa")
    write(
        seeded,
        "UPDATE agreement_version SET document = replace(document, :old, :new)"
        " WHERE document LIKE :like",
        old='"sections"',
        new='"hidden"',
        like=f"%{REFERENCE}%",
    )

    page = seeded.client.get(AGREEMENTS).json()

    assert [line["reference"] for line in page["items"]] == [other]
    assert len(page["unreadable"]) == 1
    said = statement(seeded, "agreements")
    assert not said["is_complete"]
    assert said["unreadable"] == page["unreadable"]


# Contracts


def test_a_contract_has_a_link_that_stays_and_an_unsigned_one_none(seeded):
    signed = seeded.contract()
    unsigned = seeded.contract("00L", signed=False)

    [line] = seeded.client.get("/v1/registers/contracts").json()["items"]
    found = seeded.client.get(f"/v1/registers/contracts/{signed['reference']}")
    hidden = seeded.client.get(f"/v1/registers/contracts/{unsigned['reference']}")

    assert found.json() == line
    assert (hidden.status_code, hidden.json()["code"]) == (404, "CONTRACT_NOT_FOUND")


# Statements


def verified(service, said):
    claims = SignedVerifier(
        REGISTER_STATEMENT, service.parts.signer.jwks, clock=service.clock
    ).verify(said["statement"])
    assert datetime.fromisoformat(claims["as_of"]) == datetime.fromisoformat(said["as_of"])
    beside = {"statement", "as_of"}
    assert {n: claims[n] for n in said if n not in beside} == {
        n: value for n, value in said.items() if n not in beside
    }


@pytest.mark.parametrize("register", ["contracts", "agreements"])
def test_a_register_is_stated_complete_under_signature(seeded, register):
    seeded.active()

    said = statement(seeded, register)

    lines = seeded.client.get(f"/v1/registers/{register}").json()["items"]
    plain = [{k: v for k, v in line.items() if k != "not_as_sealed"} for line in lines]
    assert said["is_complete"]
    assert (said["rows"], said["digest"]) == (1, digest_of(plain))
    assert said["log_size"] > 0
    verified(seeded, said)


def test_an_empty_register_is_complete(seeded):
    for register in PublicRegister:
        said = statement(seeded, register)
        assert (said["rows"], said["is_complete"]) == (0, True)


def test_a_contract_that_was_deleted_past_the_service_is_missed(seeded):
    seeded.contract()
    write(seeded, "DELETE FROM contract")

    said = statement(seeded, "contracts")

    assert (said["rows"], said["is_complete"], said["missing"]) == (0, False, [CCG])
    verified(seeded, said)


def test_an_agreement_that_was_deleted_past_the_service_is_missed(seeded):
    seeded.active()
    write(seeded, "PRAGMA foreign_keys = OFF")
    write(seeded, "DELETE FROM agreement")

    said = statement(seeded, "agreements")

    assert (said["is_complete"], said["missing"]) == (False, [REFERENCE])


def test_a_signature_that_was_deleted_hides_no_line_from_the_statement(seeded):
    seeded.active()
    write(seeded, "DELETE FROM signature WHERE capacity = 'body'")
    page = seeded.client.get(AGREEMENTS).json()
    alone = seeded.client.get(f"{AGREEMENTS}/{REFERENCE}")
    assert page["items"] == []
    assert page["hidden"] == [{"reference": REFERENCE, "not_as_sealed": ["signature"]}]
    assert (alone.status_code, alone.json()["code"]) == (409, "SEAL_BROKEN")

    said = statement(seeded, "agreements")

    assert (said["is_complete"], said["not_as_sealed"]) == (False, [REFERENCE])


def test_a_contract_that_was_unsigned_past_the_service_is_told(seeded):
    signed = seeded.contract()
    write(seeded, "UPDATE contract SET body_signed_at = NULL, body_signatory = NULL")
    reference = signed["reference"]

    page = seeded.client.get("/v1/registers/contracts").json()
    alone = seeded.client.get(f"/v1/registers/contracts/{reference}")

    assert page["items"] == []
    assert page["hidden"] == [{"reference": reference, "not_as_sealed": ["contract"]}]
    assert (alone.status_code, alone.json()["code"]) == (409, "SEAL_BROKEN")
    assert statement(seeded, "contracts")["not_as_sealed"] == [CCG]


def test_a_line_that_was_altered_is_named(seeded):
    seeded.active()
    write(seeded, "UPDATE contract SET legal_name = 'Another'")

    said = statement(seeded, "contracts")

    assert (said["is_complete"], said["not_as_sealed"]) == (False, [CCG])


# Notices


def test_a_notice_says_what_the_agreements_in_force_allow(seeded):
    seeded.active()

    said = seeded.client.get(f"/v1/registers/notices/{CCG}").json()

    assert (said["controller"], said["name"]) == (CCG, NAMES[CCG])
    assert [use["data_set"] for use in said["uses"]] == ["SUS_APC", "DIDS"]
    use = said["uses"][0]
    assert use["recipients"] == [f"{NAMES[CSU]} ({CSU})"]
    assert (use["article_6"], use["article_9"]) == (["6(1)(e)"], ["9(2)(h)"])
    assert (use["opt_outs_applied"], use["opt_out_reason"]) == (False, "no_identifying_data")
    assert (use["purpose"], use["until"]) == ("COM", "2021-03-31")
    assert said["not_as_sealed"] == []


def test_a_notice_is_silent_of_drafts_of_what_ended_and_of_others(seeded):
    seeded.contract()
    drafted = seeded.draft()
    path = f"/v1/registers/notices/{CCG}"
    assert seeded.client.get(path).json()["uses"] == []

    seeded.sign_all(drafted)
    assert len(seeded.client.get(path).json()["uses"]) == 2
    assert seeded.client.get("/v1/registers/notices/00L").json()["uses"] == []
    assert seeded.client.get(f"/v1/registers/notices/{CSU}").json()["uses"] == [], "no controller"

    ended = f"/v1/agreements/{REFERENCE}/termination"
    seeded.post(ended, Role.CONTRACT_MANAGER, {"reason": "ended"})
    assert seeded.client.get(path).json()["uses"] == []


def test_a_notice_is_a_page_that_loads_nothing(seeded):
    seeded.active(title="Beds & <b>wards</b>")

    page = seeded.client.get(f"/v1/registers/notices/{CCG}", params={"format": "html"})

    assert page.status_code == 200
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "Beds &amp; &lt;b&gt;wards&lt;/b&gt;" in page.text
    assert "do not apply: no identifying data" in page.text


def test_a_notice_of_nobody_is_not_found(seeded):
    answer = seeded.client.get("/v1/registers/notices/ZZZ9")
    assert (answer.status_code, answer.json()["code"]) == (404, "ORGANISATION_NOT_FOUND")


def test_a_notice_made_of_what_nobody_signed_says_so(seeded):
    seeded.active()
    write(
        seeded,
        "UPDATE agreement_version SET document = replace(document, :old, :new)",
        old="Plan care",
        new="Sell care",
    )

    said = seeded.client.get(f"/v1/registers/notices/{CCG}").json()

    assert said["not_as_sealed"] == ["agreement_version"]


# Which DSCRO


def published_by_all(house, **changes):
    """A relationship in operation, to whose publication all consented."""
    r = house.relationship(**changes)
    for role, party in ((Role.CONTROLLER_SIGNATORY, CCG), (Role.CSU_ADVISER, CSU)):
        assert consent(house, r, role, party).status_code == 200
    return r


def publish(service):
    path = "/v1/registers/relationships/editions"
    published = service.post(path, Role.REGISTER_PUBLISHER, who="publisher")
    assert published.status_code == 201, published.text


SUPPORTING = "/v1/registers/relationships/supporting"


def test_which_dscro_supports_an_organisation_is_said_as_published(seeded):
    empty = seeded.client.get(f"{SUPPORTING}/{CCG}").json()
    assert (empty["edition"], empty["items"]) == (None, [])
    published_by_all(seeded)
    assert seeded.client.get(f"{SUPPORTING}/{CCG}").json()["items"] == [], "not published"

    publish(seeded)

    for named in (CCG, CSU):
        said = seeded.client.get(f"{SUPPORTING}/{named}").json()
        assert (said["edition"], said["day"]) == (1, "2018-06-01")
        assert [row["dscro_name"] for row in said["items"]] == ["yorkshire"]
    assert seeded.client.get(f"{SUPPORTING}/{OTHER_CSU}").json()["items"] == []


def test_a_relationship_that_is_over_supports_nobody(seeded):
    r = published_by_all(seeded)
    ended = {"last_day": "2018-06-30"}
    seeded.post(f"/v1/relationships/{r['id']}/ending", Role.CONTRACT_MANAGER, ended)
    publish(seeded)
    assert len(seeded.client.get(f"{SUPPORTING}/{CCG}").json()["items"]) == 1

    seeded.clock.set(datetime(2018, 7, 1, 12, tzinfo=UTC))

    assert seeded.client.get(f"{SUPPORTING}/{CCG}").json()["items"] == []


def test_two_editions_are_compared_row_by_row(seeded):
    first, second = published_by_all(seeded), published_by_all(seeded, service="finance")
    publish(seeded)
    ended = {"last_day": "2018-08-31"}
    seeded.post(f"/v1/relationships/{first['id']}/ending", Role.CONTRACT_MANAGER, ended)
    consent(seeded, second, Role.CONTROLLER_SIGNATORY, CCG, given=False)
    third = published_by_all(seeded, service="audit")
    publish(seeded)

    asked = {"earlier": 1, "later": 2}
    said = seeded.client.get("/v1/registers/relationships/differences", params=asked).json()

    assert [row["lcr_ref"] for row in said["added"]] == [third["reference"]]
    assert [row["lcr_ref"] for row in said["removed"]] == [second["reference"]]
    assert said["changed"] == [
        {
            "lcr_ref": first["reference"],
            "before": {"effective_to": None},
            "after": {"effective_to": "2018-08-31"},
        }
    ]
    same = {"earlier": 2, "later": 2}
    nothing = seeded.client.get("/v1/registers/relationships/differences", params=same).json()
    assert (nothing["added"], nothing["removed"], nothing["changed"]) == ([], [], [])


def test_an_edition_that_was_never_published_is_compared_with_nothing(seeded):
    published_by_all(seeded)
    publish(seeded)

    asked = {"earlier": 1, "later": 7}
    answer = seeded.client.get("/v1/registers/relationships/differences", params=asked)

    assert (answer.status_code, answer.json()["code"]) == (404, "EDITION_NOT_FOUND")
