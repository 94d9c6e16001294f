"""The decision over HTTP: who may ask what, by whose token, and what comes with a yes."""

import threading
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select, text
from sqlmodel import Session

import catalogue as catalogues
from agreements import main
from agreements.db.decisions.tables import DecisionRow, HoldingRow, PermitRow
from agreements.db.seals.chain import Sealer
from agreements.decision.adapters.attestations import SignedAttestations
from common import audit
from common.clock import boottime
from common.errors import Unavailable
from common.ids import digest_of, new_id
from common.security.jws import NotGenuine
from common.security.keys import (
    ATTESTATION,
    PERMIT,
    PREVIEW,
    SignedVerifier,
    Signer,
    generate_jwk,
    issue,
)
from common.security.roles import Role
from common.web.problems import UNKNOWN
from services.agreements.tests.reference import asking
from services.agreements.tests.reference import world as plain
from services.agreements.tests.reference.seeding import on_the_catalogue, seed
from services.agreements.tests.reference.world import CLIENT, CSU
from services.agreements.tests.service import Service, settings

EVALUATION = "/access/v1/evaluation"
FIELDS = ["Sex", "Hospital_Spell_No", "Der_Diagnosis_All"]


def sound(service, haven):
    """The service with a sound world, asked by dissemination."""
    seed(
        service.parts.engine,
        on_the_catalogue(plain.sound()),
        sealer=service.parts.sealer,
    )
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    return Asked(service, haven)


@pytest.fixture
def asked(service, haven):
    return sound(service, haven)


@pytest.fixture
def upholding(service, haven):
    """The same, where the agreement's line upholds opt-outs."""
    world = on_the_catalogue(plain.sound())
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["lines"][0]["opt_out"] = {"applied": True, "reason": None}
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    return Asked(service, haven)


class Asked:
    def __init__(self, service, haven):
        self.service, self.haven = service, haven

    def token(self, client=CLIENT, ods=CSU, audience="dissemination", role=Role.CSU_SYSTEM):
        return self.service.identities.token_for(role, audience=audience, ods=ods, client_id=client)

    def post(self, body, path=EVALUATION, *, role=Role.SERVICE_DISSEMINATION, **who):
        headers = self.service.headers(role, **who)
        return self.service.client.post(path, headers=headers, json=body)

    def request_body(self, *, token=None, client=CLIENT, digest=None, dry=False, **changes):
        wanted = {
            "purpose": "COM",
            "data_set": "SUS_APC",
            "classification": "PSEUDO_ANONYMISED",
            "periods": ["2018-04"],
            "fields": FIELDS,
            "formats": ["parquet"],
        } | changes
        reference = wanted.pop("agreement", plain.REFERENCE)
        extract_id = str(new_id())
        computed = digest_of({**wanted, "extract_id": extract_id, "agreement": reference})
        return {
            "subject": {
                "type": "client",
                "id": client,
                "properties": {"token": token or self.token(client)},
            },
            "action": {"name": "request"},
            "resource": {"type": "agreement", "id": reference, "properties": wanted},
            "context": {
                "extract_id": extract_id,
                "request_digest": digest or computed,
                "dry_run": dry,
            },
        }

    def permitted(self, **changes):
        """A permit: the answer's context, and the claims."""
        answer = self.post(self.request_body(**changes))
        assert answer.json()["decision"], answer.text
        context = answer.json()["context"]
        jwks = self.service.client.get("/.well-known/jwks.json").json()
        verifier = SignedVerifier(PERMIT, lambda: jwks, clock=self.service.clock)
        return context, verifier.verify(context["permit"])

    def attested(self, context, signer=None, use=ATTESTATION, **changes):
        """The haven's statement about a file that was prepared under the permit."""
        with self.service.parts.decision_logs.reading() as log:
            permit = log.permit(_uuid(context["permit_id"]))
        claims = asking.attested(permit, **changes)
        given = {k: v for k, v in claims.items() if k not in ("iss", "aud")}
        return claims, issue(signer or self.haven, use, given, at=self.service.clock.now())

    def release_body(self, claims, compact):
        return {
            "action": {"name": "release"},
            "resource": {
                "type": "file",
                "id": claims["sub"],
                "properties": {"attestation": compact},
            },
            "context": {"extract_id": claims["extract_id"]},
        }

    def released(self):
        context, _ = self.permitted()
        claims, compact = self.attested(context)
        answer = self.post(self.release_body(claims, compact)).json()
        assert answer["decision"], answer
        return answer["context"]

    def fetch_body(self, holding, *, client=CLIENT, token=None, **context):
        return {
            "subject": {
                "type": "client",
                "id": client,
                "properties": {"token": token or self.token(client)},
            },
            "action": {"name": "fetch"},
            "resource": {"type": "holding", "id": holding},
            "context": {"delivery_id": str(new_id())} | context,
        }

    def logged(self):
        with Session(self.service.parts.engine) as session:
            return list(session.execute(select(DecisionRow)).scalars())


def _uuid(text):
    from uuid import UUID

    return UUID(text)


def codes(answer):
    return {(r["code"], r.get("subject")) for r in answer.json()["context"]["refusals"]}


# Permits


def test_a_yes_to_a_request_comes_with_a_permit_for_the_haven(asked):
    body = asked.request_body()
    answer = asked.post(body)

    context, claims = answer.json()["context"], None
    jwks = asked.service.client.get("/.well-known/jwks.json").json()
    claims = SignedVerifier(PERMIT, lambda: jwks, clock=asked.service.clock).verify(
        context["permit"]
    )
    assert answer.status_code == 200
    assert answer.json()["decision"] is True
    assert context["refusals"] == []
    assert claims["jti"] == context["permit_id"]
    assert (claims["sub"], claims["azp"]) == (CLIENT, "dissemination")
    assert claims["exp"] - claims["iat"] <= 60
    assert claims["req"] == body["context"]["request_digest"]
    assert claims["extract_id"] == body["context"]["extract_id"]
    assert claims["decision_id"] == context["id"]
    assert claims["epoch"] == context["epoch"]
    assert claims["agreement"] == context["agreement"]
    assert claims["fields"] == [
        {"name": "Sex", "treatment": "as_is"},
        {"name": "Hospital_Spell_No", "treatment": "pseudonym"},
        {"name": "Der_Diagnosis_All", "treatment": "as_is"},
    ]
    assert claims["population"] == {
        "rule": "own",
        "codes": ["02P"],
        "reasons": ["G", "H", "R", "C"],
        "map_versions": {"practice": [plain.PRACTICE_MAP], "postcode": [plain.POSTCODE_MAP]},
    }
    assert claims["domain"]["id"] == plain.sha(plain.domain())
    ground = {
        "by": "rule",
        "reason": "not confidential patient information",
        "source": 'domain.md 4.3, "Does not apply"',
    }
    assert claims["opt_out"] == {"applied": False, "list_age_days_max": 7, "ground": ground}
    assert claims["disclosure_rule"] == "HES"
    assert set(claims["line"]) == {
        "number", "purpose", "data_set", "catalogue_version", "catalogue_digest",
        "classification", "sensitivity",
    }  # fmt: skip


@pytest.mark.scenario("R14")
def test_a_period_that_is_held_is_refused_for_a_newer_list_before_it_is_prepared(upholding):
    """Guard: `file_clauses.other_list` for requests."""
    edition, newer, older = (str(new_id()) for _ in range(3))
    context, _ = upholding.permitted()
    opt_out = {"applied": True, "list_id": older, "list_date": "2018-06-01"} | {
        "people_left_out": 0,
        "rows_without_person_left_out": 0,
    }
    claims, compact = upholding.attested(
        context, editions=[asking.edition(edition)], opt_out=opt_out
    )
    holding = upholding.post(upholding.release_body(claims, compact)).json()["context"]
    assert upholding.post(upholding.fetch_body(holding["holding_id"])).json()["decision"]
    landed = {"opt_out_lists": [newer], "editions": {"2018-04": [edition]}}

    def ask(**changes):
        """Dry first: the same no, or a yes by which nothing can be prepared."""
        body = upholding.request_body()
        body["context"]["landed"] = landed | changes
        dry = upholding.post(body | {"context": body["context"] | {"dry_run": True}}).json()
        answer = upholding.post(body)
        assert dry["decision"] == answer.json()["decision"]
        told = [
            [(r["code"], r["subject"]) for r in one["context"]["refusals"]]
            for one in (dry, answer.json())
        ]
        assert told[0] == told[1]
        assert "permit" not in dry["context"]
        return answer, dry["context"].get("preview")

    refused, _ = ask()
    same, nothing_beside = ask(opt_out_lists=[older])
    resubmitted, preview = ask(editions={"2018-04": [str(new_id())]})

    assert (refused.status_code, refused.json()["decision"]) == (200, False)
    assert codes(refused) == {("OPT_OUT_DIFFERENCING", "2018-04")}
    assert "permit" not in refused.json()["context"]
    assert newer not in refused.text
    assert older not in refused.text
    assert same.json()["decision"]
    assert nothing_beside is None
    assert resubmitted.json()["decision"]
    jwks = upholding.service.client.get("/.well-known/jwks.json").json()
    said = SignedVerifier(PREVIEW, lambda: jwks, clock=upholding.service.clock).verify(preview)
    assert [one["editions"] for one in said["held_beside"]] == [[edition]]
    with pytest.raises(NotGenuine):
        SignedVerifier(PERMIT, lambda: jwks, clock=upholding.service.clock).verify(preview)


@pytest.mark.parametrize(
    "landed",
    [
        {"opt_out_lists": [], "editions": {}},
        {"opt_out_lists": ["a text"], "editions": {}},
        {"opt_out_lists": [str(new_id())], "editions": {"2018-04": ["a text"]}},
        {"opt_out_lists": [str(new_id())], "editions": {"May": []}},
        {"opt_out_lists": [str(new_id())]},
    ],
)
def test_what_is_landed_is_said_in_full_and_by_ids(asked, landed):
    body = asked.request_body()
    body["context"]["landed"] = landed

    assert asked.post(body).status_code == 422


def test_who_asks_dry_about_itself_does_not_say_what_is_landed(asked):
    """Else anybody could try lists on the files of others; dissemination says the haven's."""
    body = asked.request_body(dry=True)
    body["context"]["landed"] = {"opt_out_lists": [str(new_id())], "editions": {}}

    refused = asked.post(body, role=Role.CSU_SYSTEM, who=CLIENT, ods=CSU)
    assert (refused.status_code, refused.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")
    assert asked.post(body).json()["decision"]


def test_a_permit_is_dead_a_minute_later(asked):
    context, _ = asked.permitted()
    asked.service.clock.advance(61)
    jwks = asked.service.client.get("/.well-known/jwks.json").json()

    with pytest.raises(Exception, match="expired"):
        SignedVerifier(PERMIT, lambda: jwks, clock=asked.service.clock).verify(context["permit"])


def test_a_no_names_every_reason_and_gives_nothing(asked):
    answer = asked.post(asked.request_body(fields=["Shoe_Size"], periods=["2017-01"]))

    assert answer.status_code == 200
    assert answer.json()["decision"] is False
    assert codes(answer) == {
        ("FIELD_NOT_IN_DSA", "Shoe_Size"),
        ("PERIOD_NOT_IN_DSA", "2017-01"),
    }
    assert set(answer.json()["context"]) == {"id", "epoch", "refusals", "on_behalf_of"}
    assert answer.json()["context"]["on_behalf_of"] == ["02P"]
    assert [row.permitted for row in asked.logged()] == [False]


@pytest.mark.parametrize(
    ("token", "client"),
    [
        ({"audience": "agreements"}, CLIENT),  # made for us, not for dissemination
        ({"client": "stranger"}, CLIENT),  # somebody else's
        ({}, "stranger"),
    ],
)
def test_a_token_that_does_not_prove_who_asks_is_no_evidence(asked, token, client):
    body = asked.request_body(token=asked.token(**token), client=client)

    answer = asked.post(body)

    assert answer.status_code == 403
    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert asked.logged() == []


@pytest.mark.parametrize("token", ["x", "a.b.c"])
def test_what_is_no_token_at_all_is_no_evidence(asked, token):
    answer = asked.post(asked.request_body(token=token))

    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert token not in answer.text.replace("evidence", "")


def test_an_expired_token_is_no_evidence(asked):
    body = asked.request_body()
    asked.service.clock.advance(timedelta(hours=2))

    assert asked.post(body).json()["code"] == "EVIDENCE_NOT_ACCEPTED"


@pytest.mark.parametrize("lacking", ["token", "extract_id", "request_digest"])
def test_a_request_without_what_binds_it_is_no_question(asked, lacking):
    body = asked.request_body()
    place = body["subject"]["properties"] if lacking == "token" else body["context"]
    del place[lacking]

    answer = asked.post(body)

    assert (answer.status_code, answer.json()["code"]) == (422, "EVIDENCE_MISSING")


def test_a_digest_of_another_request_is_refused(asked):
    answer = asked.post(asked.request_body(digest=plain.sha("another")))

    assert (answer.status_code, answer.json()["code"]) == (422, "REQUEST_DIGEST_DIFFERS")


def test_whoever_is_no_party_is_told_what_somebody_is_told_of_nothing(asked):
    strangers = asked.token("stranger", ods="0CX")
    anothers = asked.post(asked.request_body(token=strangers, client="stranger"))
    nobodys = asked.post(
        asked.request_body(token=strangers, client="stranger", agreement="DARS-NIC-999999-Z9Z9Z")
    )

    for answer in (anothers, nobodys):
        assert codes(answer) == {("AGREEMENT_NOT_FOUND", None)}
        assert set(answer.json()["context"]) == {"id", "epoch", "refusals"}
    details = [a.json()["context"]["refusals"] for a in (anothers, nobodys)]
    assert details[0] == details[1]


@pytest.mark.parametrize(
    "change",
    [
        {"fields": ["9990000018"]},
        {"fields": []},
        {"periods": ["April 2018"]},
        {"periods": ["2018-13"]},
        {"formats": ["xlsx"]},
        {"purpose": "9990000018"},
        {"surplus": 1},
        {"agreement": "9990000018"},
    ],
)
def test_what_is_no_question_is_refused_without_an_echo(asked, change):
    answer = asked.post(asked.request_body() | {})
    body = asked.request_body()
    if "agreement" in change:
        body["resource"]["id"] = change["agreement"]
    else:
        body["resource"]["properties"] |= change

    answer = asked.post(body)

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "9990000018" not in answer.text
    assert "April" not in answer.text


@pytest.mark.parametrize("body", [{}, [], {"action": "request"}, {"action": {"name": "steal"}}])
def test_an_action_that_is_not_known_is_no_question(asked, body):
    answer = asked.post(body)

    assert answer.status_code == 422
    assert "steal" not in answer.text


# Others than dissemination


@pytest.mark.parametrize("dry", [False, True])
def test_others_ask_about_themselves_and_dry(asked, dry):
    body = asked.request_body(dry=dry)
    del body["subject"]["properties"]
    mine = asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT)
    body["subject"]["id"] = "another"
    anothers = asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT)

    assert mine.status_code == (200 if dry else 403)
    assert (anothers.status_code, anothers.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")
    assert asked.logged() == []


def test_a_dry_yes_gives_nothing_but_says_until_when(asked):
    body = asked.request_body(dry=True)
    del body["subject"]["properties"]

    answer = asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT).json()

    assert answer["decision"] is True
    assert answer["context"]["until"] == "2019-01-01T00:00:00Z"
    assert not {"permit", "permit_id", "lease", "id"} & set(answer["context"])
    assert answer["context"]["opt_outs"] == {
        "applied": False,
        "list_age_days_max": 7,
        "by": "list",
        "ground": {
            "by": "rule",
            "reason": "not confidential patient information",
            "source": 'domain.md 4.3, "Does not apply"',
        },
    }
    with Session(asked.service.parts.engine) as session:
        assert session.execute(select(PermitRow)).all() == []


def test_a_dry_no_says_what_would_mend_it(asked):
    body = asked.request_body(dry=True, fields=["Shoe_Size"])
    del body["subject"]["properties"]

    answer = asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT).json()

    (refusal,) = answer["context"]["refusals"]
    assert (refusal["code"], refusal["subject"]) == ("FIELD_NOT_IN_DSA", "Shoe_Size")
    assert refusal["remedy"] == "Leave out the named field, or amend the line."
    assert "opt_outs" not in answer["context"]


def test_dissemination_asks_dry_with_the_clients_token(asked):
    answer = asked.post(asked.request_body(dry=True))
    without = asked.post(asked.request_body(dry=True, token=asked.token("stranger")))

    assert answer.json()["decision"] is True
    assert without.json()["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert asked.logged() == []


def test_releases_are_dissemination_s_alone(asked):
    context, _ = asked.permitted()
    body = asked.release_body(*asked.attested(context))

    answer = asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT)

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")


# Releases


def test_a_yes_to_a_release_names_the_holding_and_by_which_line(asked):
    context, _ = asked.permitted()
    claims, compact = asked.attested(context)

    answer = asked.post(asked.release_body(claims, compact)).json()

    with Session(asked.service.parts.engine) as session:
        (row,) = session.execute(select(HoldingRow)).scalars()
    assert answer["decision"] is True
    assert answer["context"]["holding_id"] == str(row.id)
    assert answer["context"]["line"] == 1
    assert answer["context"]["agreement"]["reference"] == plain.REFERENCE
    assert row.file_id == claims["sub"]


def test_what_the_line_hides_is_in_the_permit_and_has_to_be_in_the_file(service, haven):
    """The line lists two small areas; one is asked for, and the other could be asked for next."""
    world = plain.sound()
    fields = [
        {"name": name, "treatment": "derived", "reason": "need"}
        for name in ("Der_LSOA", "Der_PostCode_Sector", "Year_of_Birth_SUS")
    ]
    world["agreement"]["versions"][0]["snapshot"]["lines"][0]["fields"] = fields
    seed(service.parts.engine, on_the_catalogue(world), sealer=service.parts.sealer)
    service.client.app_state["attestations"] = SignedAttestations(haven.jwks, clock=service.clock)
    asked = Asked(service, haven)
    names = ["Der_Postcode_LSOA_2011_Code", "Year_of_Birth_SUS"]

    context, permit = asked.permitted(fields=names)
    hidden = {"Der_Postcode_LSOA_2011_Code": "withheld", "Year_of_Birth_SUS": "capped"}
    assert permit["caps"] == {"rule": "caps/4", "columns": hidden}

    told = asked.post(asked.release_body(*asked.attested(context)))
    assert not told.json()["decision"]
    assert codes(told) == {("CAP_UNDONE", name) for name in names}
    done = asked.attested(context, caps={"rule": "caps/4", "columns": hidden})
    assert asked.post(asked.release_body(*done)).json()["decision"]
    (line,) = search(asked).json()["results"]
    assert line["properties"]["hidden"] == [
        {"name": name, "cap": cap} for name, cap in hidden.items()
    ]


def test_a_yes_to_a_release_says_the_terms_that_were_judged_and_says_them_again(asked):
    context, _ = asked.permitted()
    body = asked.release_body(*asked.attested(context))

    first = asked.post(body).json()["context"]
    again = asked.post(body).json()["context"]

    assert "terms" not in context
    assert first["agreement"]["version"] == "v1.0"
    assert first["terms"]["title"] == "Commissioning"
    assert first["terms"]["objectives"] == "Plan care"
    assert first["terms"]["line"]["number"] == 1
    assert first["terms"]["controllers"] == [
        {"ods": ods, "legal_name": ods} for ods in ("02P", plain.OTHER_CCG)
    ]
    assert (again["holding_id"], again["terms"]) == (first["holding_id"], first["terms"])


def test_only_the_haven_s_own_word_counts(asked):
    context, _ = asked.permitted()
    other_key = asked.attested(context, signer=Signer(generate_jwk()))
    claims, compact = asked.attested(context)
    altered = (claims, compact[:-2] + ("AA" if compact[-2:] != "AA" else "BB"))
    incomplete = asked.attested(context, columns=None)

    for forged in (other_key, altered, incomplete):
        answer = asked.post(asked.release_body(*forged))
        assert codes(answer) == {("ATTESTATION_INVALID", None)}
    with Session(asked.service.parts.engine) as session:
        assert session.execute(select(HoldingRow)).all() == []


def test_a_permit_does_not_pass_for_an_attestation(asked):
    context, claims = asked.permitted()

    answer = asked.post(
        asked.release_body({"sub": "f", "extract_id": claims["extract_id"]}, context["permit"])
    )

    assert codes(answer) == {("ATTESTATION_INVALID", None)}


def test_with_the_haven_s_keys_out_of_reach_there_is_no_decision(asked):
    def away():
        raise Unavailable("away")

    asked.service.client.app_state["attestations"] = SignedAttestations(
        away, clock=asked.service.clock
    )
    context, _ = asked.permitted()

    answer = asked.post(asked.release_body(*asked.attested(context)))

    assert answer.status_code == 503
    assert [row.action for row in asked.logged()] == ["request"]


def test_of_a_file_that_was_released_it_is_shown_that_its_row_is_as_it_was_sealed(asked):
    asked.released()
    path = f"/v1/agreements/{plain.REFERENCE}/holdings"
    [shown] = asked.service.get(path, Role.AUDITOR).json()["items"]
    assert shown["is_as_sealed"] is True

    with asked.service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE holding SET bytes = bytes + 1"))

    [shown] = asked.service.get(path, Role.AUDITOR).json()["items"]
    assert shown["is_as_sealed"] is False


# Leases


def test_a_yes_to_a_fetch_comes_with_a_lease(asked):
    holding = asked.released()["holding_id"]

    answer = asked.post(asked.fetch_body(holding)).json()

    assert answer["decision"] is True
    assert answer["context"]["lease"] == {"seconds": 1.0, "until": "2018-06-01T23:00:00Z"}
    assert set(answer["context"]) == {
        "id", "epoch", "refusals", "on_behalf_of", "agreement", "line", "lease",
    }  # fmt: skip


def test_a_renewal_goes_on_after_the_token_has_expired(asked):
    holding = asked.released()["holding_id"]
    token = asked.token()
    first = asked.post(asked.fetch_body(holding, token=token)).json()
    asked.service.clock.advance(timedelta(hours=2))

    again = asked.post(asked.fetch_body(holding, token=token, renews=first["context"]["id"]))
    anew = asked.post(asked.fetch_body(holding, token=token))

    assert again.json()["context"]["id"] == first["context"]["id"]
    assert anew.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


def test_a_dry_fetch_says_whether_bytes_would_leave(asked):
    holding = asked.released()["holding_id"]
    bodies = [asked.fetch_body(h, dry_run=True) for h in (holding, str(new_id()))]

    mine, nobodys = (asked.post(body, role=Role.CSU_SYSTEM, ods=CSU, who=CLIENT) for body in bodies)

    assert mine.json()["decision"] is True
    assert codes(nobodys) == {("AGREEMENT_NOT_FOUND", None)}
    assert {row.action for row in asked.logged()} == {"request", "release"}


# Several at once


def test_several_questions_are_decided_each_for_itself(asked):
    one, two = asked.request_body(), asked.request_body(fields=["Shoe_Size"])
    body = {
        "subject": one["subject"],
        "action": one["action"],
        "evaluations": [
            {"resource": one["resource"], "context": one["context"]},
            {"resource": two["resource"], "context": two["context"]},
        ],
    }

    answer = asked.post(body, "/access/v1/evaluations").json()

    assert [e["decision"] for e in answer["evaluations"]] == [True, False]
    assert len(asked.logged()) == 2


def test_one_of_several_that_is_no_question_refuses_them_all(asked):
    body = {"evaluations": [asked.request_body(), {"action": {"name": "steal"}}]}

    answer = asked.post(body, "/access/v1/evaluations")

    assert answer.status_code == 422
    assert "steal" not in answer.text
    assert asked.logged() == []


@pytest.mark.parametrize(
    ("spoil", "pointer"),
    [
        (lambda body: body["evaluations"][1].update(no_such=1), "#/body/evaluations/1/unknown"),
        (
            lambda body: body["evaluations"][1]["resource"].update(no_such=1),
            "#/body/evaluations/1/resource/unknown",
        ),
        (
            lambda body: body["evaluations"][1]["resource"]["properties"].update(no_such=1),
            "#/body/evaluations/1/resource/properties/unknown",
        ),
        (lambda body: body["subject"].update(no_such=1), "#/body/subject/unknown"),
    ],
)
def test_what_is_wrong_with_one_of_several_is_named_where_it_is(asked, spoil, pointer):
    one, two = asked.request_body(), asked.request_body()
    subject = one.pop("subject")
    body = {"subject": subject, "evaluations": [one, {**two, "subject": dict(subject)}]}
    spoil(body)

    answer = asked.post(body, "/access/v1/evaluations")

    assert answer.status_code == 422
    assert pointer.replace("unknown", UNKNOWN) in {e["pointer"] for e in answer.json()["errors"]}
    assert asked.logged() == []


def test_one_of_several_without_evidence_is_the_answer_to_all(asked):
    stolen = asked.request_body(token=asked.token("stranger"))
    body = {"evaluations": [asked.request_body(), stolen]}

    answer = asked.post(body, "/access/v1/evaluations")

    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


# What may I have?


def search(asked, type_="line", action="request", *, who=CLIENT, ods=CSU, subject=None, **page):
    body = {
        "subject": {"type": "client", "id": subject or who},
        "action": {"name": action},
        "resource": {"type": type_},
        "page": page,
    }
    return asked.post(body, "/access/v1/search/resource", role=Role.CSU_SYSTEM, ods=ods, who=who)


def test_a_client_finds_the_lines_it_may_have_and_until_when(asked):
    answer = search(asked).json()

    (line,) = answer["results"]
    assert line["id"] == f"{plain.REFERENCE}/1"
    assert line["properties"]["periods"][0] == "2018-04"
    assert line["properties"]["periods"][-1] == "2019-03"
    assert line["properties"]["until"] == "2019-01-01T00:00:00+00:00"
    assert {"name": "Sex", "treatment": "as_is"} in line["properties"]["fields"]
    (refused,) = answer["context"]["refused"]  # the identifiable line is another environment's
    assert refused["id"] == f"{plain.REFERENCE}/2"
    assert {r["code"] for r in refused["refusals"]} >= {"ENVIRONMENT_MISMATCH"}
    assert all(r["remedy"] for r in refused["refusals"])


def test_a_period_that_is_taken_by_the_other_treatment_is_left_out_of_what_one_may_have(asked):
    from agreements.db.decisions.seals import TREATMENT, Ledger, Register
    from agreements.db.decisions.tables import OptOutTreatmentRow

    environment = _uuid(plain.ENVIRONMENT)
    with Session(asked.service.parts.engine) as session:
        session.add(
            OptOutTreatmentRow(
                environment_id=environment,
                data_set="SUS_APC",
                month="2018-04",
                treatment="applied",
                permit_id=new_id(),
                reserved_at=plain.NOON,
            )
        )
        session.flush()
        leaves = Ledger.of(asked.service.parts.sealer).seal(
            session,
            {Register(TREATMENT.name, environment, "SUS_APC"): {"2018-04"}},
            at=plain.NOON,
        )
        audit.append(session, leaves)
        session.commit()

    (line,) = search(asked).json()["results"]

    assert line["properties"]["periods"][0] == "2018-05"


def test_a_client_finds_the_files_it_may_fetch(asked):
    released = asked.released()

    answer = search(asked, "holding", "fetch").json()

    (file,) = answer["results"]
    assert file["id"] == released["holding_id"]
    assert file["properties"]["format"] == "parquet"


def test_others_find_nothing_of_it(asked):
    asked.released()

    for type_, action in (("line", "request"), ("holding", "fetch")):
        answer = search(asked, type_, action, who="stranger", ods="0CX").json()
        assert answer["results"] == []
        assert answer["context"]["refused"] == []


def test_what_is_found_comes_in_pages(asked):
    first = search(asked, limit=1).json()

    assert first["page"]["next_token"] == ""  # there is one agreement
    assert search(asked, token=plain.REFERENCE).json()["results"] == []


def test_nobody_searches_for_another(asked):
    answer = search(asked, subject="another")

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")


# Where to ask


def test_the_configuration_says_where_to_ask(asked):
    answer = asked.service.client.get("/.well-known/authzen-configuration").json()

    assert answer["access_evaluation_endpoint"].endswith("/access/v1/evaluation")
    assert answer["access_evaluations_endpoint"].endswith("/access/v1/evaluations")
    assert answer["search_resource_endpoint"].endswith("/access/v1/search/resource")


def test_the_published_keys_are_public_halves(asked):
    (key,) = asked.service.client.get("/.well-known/jwks.json").json()["keys"]

    assert "d" not in key


# When permission is taken away


@pytest.mark.scenario("B03")
def test_after_the_answer_to_a_hold_no_lease_given_before_is_alive(asked):
    """Guard: api.removal.RemovesPermission, which answers 1.1 longest leases after the commit."""
    holding = asked.released()["holding_id"]
    body = asked.fetch_body(holding)
    headers = asked.service.headers(Role.SERVICE_DISSEMINATION)
    import asyncio

    asked.service.client.app_state["pause"] = asyncio.sleep  # really
    ends, flowing, denied = [], threading.Event(), threading.Event()

    def stream():
        while not denied.is_set():
            before = boottime()
            answer = asked.service.client.post(EVALUATION, headers=headers, json=body).json()
            if answer["decision"]:
                ends.append(before + answer["context"]["lease"]["seconds"])
                flowing.set()
            else:
                denied.set()

    streaming = threading.Thread(target=stream, daemon=True)
    streaming.start()
    try:
        assert flowing.wait(60)
        answer = asked.service.post(
            f"/v1/agreements/{plain.REFERENCE}/holds",
            Role.BREACH_HANDLER,
            {"lines": [1], "reason": "not stopped"},
        )
        answered = boottime()

        assert answer.status_code in (200, 201), answer.text
        assert denied.wait(60)
        assert max(ends) <= answered
    finally:
        denied.set()  # whoever is not told no asks for ever
        streaming.join(60)


def test_a_repeated_hold_waits_as_the_first_one_did(asked):
    for _ in range(2):
        asked.service.post(
            f"/v1/agreements/{plain.REFERENCE}/holds",
            Role.BREACH_HANDLER,
            {"lines": [1], "reason": "not stopped"},
        )

    assert asked.service.pauses == [pytest.approx(1.1)] * 2


# Two replicas


@pytest.mark.postgresql
def test_a_hold_set_through_one_replica_is_seen_by_another_with_warm_facts(
    postgresql_url, tmp_path, clock, identities, haven
):
    """S1: nothing of what a replica has in memory outlives the epoch."""
    from common.db import engine as engines
    from common.db import migrate

    engine = engines.create(postgresql_url)
    migrate.upgrade(engine, "agreements")
    waits: list[float] = []

    async def pause(seconds):
        waits.append(seconds)

    made = settings(postgresql_url, tmp_path)
    seed(engine, on_the_catalogue(plain.sound()), sealer=Sealer(Signer(made.signing_key_file)))
    apps = [
        main.create_app(
            made,
            clock=clock,
            verifier=identities.verifier(),
            pause=pause,
            haven_keys=haven.jwks,
        )
        for _ in range(2)
    ]
    with TestClient(apps[0]) as one, TestClient(apps[1]) as other:
        here, there = (
            Asked(Service(c, clock, identities, main.Parts(made, clock)), haven)
            for c in (one, other)
        )
        holding = here.released()["holding_id"]
        first = there.post(there.fetch_body(holding)).json()
        hold = here.service.post(
            f"/v1/agreements/{plain.REFERENCE}/holds",
            Role.BREACH_HANDLER,
            {"lines": [1], "reason": "not stopped"},
        )
        renewed = there.post(there.fetch_body(holding, renews=first["context"]["id"]))
        for asked_ in (here, there):
            asked_.service.parts.close()
    engine.dispose()

    assert first["decision"] is True
    assert hold.status_code in (200, 201), hold.text
    assert waits == [pytest.approx(1.1)]
    assert codes(renewed) == {("BREACH_OPEN", "line 1")}


def test_closing_a_processor_in_the_lists_takes_away_what_it_had(asked):
    context = asked.released()
    body = asked.fetch_body(context["holding_id"])
    assert asked.post(body).json()["decision"]
    asked.service.pauses.clear()

    closing = (
        "ods,name,kind,legal_entity,parent,valid_from,valid_to\n"
        f"{CSU},{CSU},CSU,,,2013-04-01,2018-05-31\n"
    )
    answer = asked.service.upload(
        "/v1/organisations/imports", closing, Role.REFERENCE_DATA_MANAGER, layout="dsfc"
    )

    assert answer.json()["changed"] == 1
    assert len(asked.service.pauses) == 1, "the answer waits until no lease is alive"
    refused = asked.post(body).json()
    assert not refused["decision"]
    reasons = refused["context"]["refusals"]
    assert [(r["code"], r["subject"]) for r in reasons] == [("ORGANISATION_CLOSED", CSU)]


def test_a_line_that_was_signed_for_what_the_data_set_is_not_for_opens_nothing(service, haven):
    """The rule of the data set stands above what everybody signed (docs/adr/0048)."""
    published = catalogues.load().get("GP_RS")
    world = plain.sound()
    (version,) = world["agreement"]["versions"]
    for line in version["snapshot"]["lines"]:
        line |= {"data_set": "GP_RS", "catalogue_digest": published.digest}
        line["fields"] = [{"name": "SEX", "treatment": "as_is", "reason": "to plan"}]
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    asked = Asked(service, haven)

    answer = asked.post(asked.request_body(data_set="GP_RS", fields=["SEX"])).json()

    (refused,) = answer["context"]["refusals"]
    assert not answer["decision"]
    assert (refused["code"], refused["subject"]) == ("DATA_SET_NOT_FOR_PURPOSE", "COM")
    assert "risk stratification" in refused["detail"]


@pytest.mark.parametrize(
    ("kind", "linked", "refused"),
    [
        ("NHS_ENGLAND", ["DRPLCM", "SUS_APC"], None),
        ("NHS_ENGLAND", ["DRPLCM", "PLCM"], "LINKAGE_FIELD_NOT_LINKED"),
        ("CCG", ["DRPLCM", "SUS_APC"], "LINKAGE_NOT_FOR_RECIPIENT"),
    ],
)
def test_drugs_are_linked_with_stays_by_the_clause_of_nhs_england(
    service, haven, kind, linked, refused
):
    """domain.md 6.12, of the published files: what is permitted has one token in both data sets."""
    published = catalogues.load().get("DRPLCM")
    world = plain.sound()
    for row in world["organisations"]:
        if row["ods"] == plain.CCG and row["kind"] == "CCG":
            row["kind"] = kind
    (version,) = world["agreement"]["versions"]
    version["snapshot"]["linkage"] = [
        {"data_sets": linked, "key": "person", "mitigation": "none left"}
    ]
    for line in version["snapshot"]["lines"]:
        line |= {"data_set": "DRPLCM", "catalogue_digest": published.digest}
        line["filters"] = [{"column": "SERVICE_CODE", "any_of": ["NCBPS01C"]}]
        line["fields"] = [
            {"name": "SERVICE_CODE", "treatment": "as_is", "reason": "specialised services"},
            {"name": "UNIQUE_CDS_IDENTIFIER", "treatment": "pseudonym", "reason": "to join stays"},
        ]
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    asked = Asked(service, haven)
    wanted = {"data_set": "DRPLCM", "fields": ["UNIQUE_CDS_IDENTIFIER"]}

    if refused is None:
        _, permit = asked.permitted(**wanted)
        assert set(permit["domain"]["data_sets"]) == set(linked)
        return
    answer = asked.post(asked.request_body(**wanted)).json()
    assert not answer["decision"]
    assert [one["code"] for one in answer["context"]["refusals"]] == [refused]


# Standing orders: carried out without a token, on a decision that was given on one


def placed(asked, **changes):
    """The decision by which a standing order was placed: its id."""
    body = asked.request_body(**changes)
    body["context"]["places_order"] = True
    return asked.post(body).json()


def carried_out(asked, decision_id, *, client=CLIENT, **changes):
    body = asked.request_body(client=client, **changes)
    body["subject"]["properties"] = {"decision": decision_id}
    return asked.post(body)


def test_a_standing_order_is_decided_and_logged_and_gives_no_permit(asked):
    answer = placed(asked)

    assert answer["decision"] is True
    assert "permit" not in answer["context"]
    assert [(row.permitted, '"places_order":true' in row.inputs) for row in asked.logged()] == [
        (True, True)
    ]
    with Session(asked.service.parts.engine) as session:
        assert list(session.scalars(select(PermitRow))) == []


def test_a_standing_order_is_carried_out_on_the_decision_by_which_it_was_placed(asked):
    ordered = placed(asked)["context"]["id"]
    asked.service.clock.advance(timedelta(days=62))  # the token is long over

    answer = carried_out(asked, ordered)

    assert answer.json()["decision"] is True, answer.text
    permit_id = answer.json()["context"]["permit_id"]
    with asked.service.parts.decision_logs.reading() as log:
        given = log.permit(_uuid(permit_id))
    assert (given.said.client_id, given.organisation) == (CLIENT, CSU)
    last = asked.logged()[-1]
    assert (last.client_id, last.organisation, last.token_digest) == (CLIENT, CSU, None)
    assert f'"on_decision":"{ordered}"' in last.inputs


def test_after_too_long_without_a_token_a_standing_order_is_not_carried_out(asked):
    ordered = placed(asked)["context"]["id"]
    asked.service.clock.advance(timedelta(days=62, seconds=1))

    answer = carried_out(asked, ordered)

    assert (answer.status_code, answer.json()["code"]) == (403, "EVIDENCE_NOT_ACCEPTED")
    assert len(asked.logged()) == 1


def test_what_was_carried_out_without_a_token_proves_nothing_itself(asked):
    ordered = placed(asked)["context"]["id"]
    again = carried_out(asked, ordered).json()["context"]["id"]

    assert carried_out(asked, again).json()["code"] == "EVIDENCE_NOT_ACCEPTED"


def test_a_refusal_on_a_token_proves_who_asks_too(asked):
    refused = placed(asked, periods=["2017-01"])

    assert refused["decision"] is False
    assert carried_out(asked, refused["context"]["id"]).json()["decision"] is True


def test_a_decision_of_another_client_proves_nothing(asked):
    other = placed(asked, client="csu-0df-other", token=asked.token("csu-0df-other"))

    answer = carried_out(asked, other["context"]["id"])

    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


def test_a_decision_under_another_agreement_proves_nothing(asked):
    other = placed(asked, agreement="DARS-NIC-654321-Z9Y8X")

    assert other["decision"] is False
    answer = carried_out(asked, other["context"]["id"])
    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


def test_a_decision_that_was_never_made_proves_nothing(asked):
    assert carried_out(asked, str(new_id())).json()["code"] == "EVIDENCE_NOT_ACCEPTED"
    assert asked.logged() == []


def test_a_decision_that_was_written_past_the_service_proves_nothing(asked):
    ordered = placed(asked, client="csu-0df-other", token=asked.token("csu-0df-other"))
    with asked.service.parts.engine.begin() as connection:
        connection.execute(text("UPDATE decision SET client_id = :c"), {"c": CLIENT})

    answer = carried_out(asked, ordered["context"]["id"])

    assert answer.json()["code"] == "EVIDENCE_NOT_ACCEPTED"


@pytest.mark.parametrize(
    ("properties", "context"),
    [
        ({"token": "x", "decision": str(new_id())}, {}),
        ({"decision": str(new_id())}, {"places_order": True}),
        ({"token": "x"}, {"places_order": True, "dry_run": True}),
    ],
)
def test_a_standing_order_has_one_proof_and_is_placed_by_a_token(asked, properties, context):
    body = asked.request_body()
    body["subject"]["properties"] = properties
    body["context"] |= context

    assert asked.post(body).status_code == 422


# Re-identification


PRACTICE = "J81002"


@pytest.fixture
def stratified(service):
    """A service with a line for risk stratification, and a practice that is in the lists."""
    world = on_the_catalogue(plain.with_risk_stratification(plain.sound()))
    for line in world["agreement"]["versions"][0]["snapshot"]["lines"]:
        if line["purpose"] == "RS":
            line["fields"] = [{"name": "Sex", "treatment": "as_is", "reason": "to find who"}]
    world["organisations"].append(plain.organisation(PRACTICE, "GP_PRACTICE"))
    world["assurance"].append(plain.assurance(PRACTICE))
    seed(service.parts.engine, world, sealer=service.parts.sealer)
    return Asked(service, None)


def reidentify_body(asked, client="practice-1", ods=PRACTICE, role=Role.GP_PRACTICE, **changes):
    token = asked.token(client, ods, changes.pop("audience", "pseudonymisation"), role)
    return {
        "subject": {"type": "client", "id": client, "properties": {"token": token}},
        "action": {"name": "reidentify"},
        "resource": {
            "type": "line",
            "id": plain.REFERENCE,
            "properties": {
                "purpose": "RS",
                "data_set": "SUS_APC",
                "classification": "IDENTIFIABLE",
            },
        },
        "context": {"request_id": str(new_id()), "people": 1} | changes,
    }


@pytest.mark.scenario("G01")
def test_the_haven_is_told_the_domain_and_the_decision_is_logged_before(stratified):
    body = reidentify_body(stratified)
    answer = stratified.post(body, role=Role.SERVICE_PSEUDONYMISATION)

    context = answer.json()["context"]
    (logged,) = stratified.logged()
    assert answer.json()["decision"] is True, answer.text
    assert context["domain"].startswith("sha256:")
    assert {"permit", "lease", "holding_id"}.isdisjoint(context)
    assert (str(logged.id), logged.action, logged.permitted) == (context["id"], "reidentify", True)
    assert (logged.organisation, logged.capacity) == (PRACTICE, "practice")
    assert logged.subject == body["context"]["request_id"]


@pytest.mark.scenario("G03")
def test_a_csu_that_asks_is_refused_and_the_attempt_is_logged(stratified):
    body = reidentify_body(stratified, CLIENT, CSU, Role.CSU_SYSTEM)
    answer = stratified.post(body, role=Role.SERVICE_PSEUDONYMISATION)

    (logged,) = stratified.logged()
    assert answer.json()["decision"] is False
    assert ("DIRECT_CARE_ONLY", CSU) in codes(answer)
    assert "domain" not in answer.json()["context"]
    assert (logged.permitted, logged.client_id) == (False, CLIENT)


@pytest.mark.parametrize("role", [Role.SERVICE_DISSEMINATION, Role.GP_PRACTICE, Role.CSU_SYSTEM])
def test_nobody_but_the_haven_asks_whom_tokens_stand_for(stratified, role):
    answer = stratified.post(reidentify_body(stratified), role=role)

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")
    assert stratified.logged() == []


def match_body(asked, client="ceff-0df", ods=CSU, **changes):
    token = asked.token(client, ods, "pseudonymisation", Role.CSU_SYSTEM)
    line = {"purpose": "IV", "data_set": "SUS_APC", "classification": "IDENTIFIABLE"}
    about = {"request_id": str(new_id()), "period": "2018-04", "people": 3}
    return {
        "subject": {"type": "client", "id": client, "properties": {"token": token}},
        "action": {"name": "match"},
        "resource": {"type": "line", "id": plain.REFERENCE, "properties": line},
        "context": about | changes,
    }


def test_the_haven_is_told_whose_people_an_invoice_may_be_about_and_it_is_logged_before(asked):
    body = match_body(asked)
    answer = asked.post(body, role=Role.SERVICE_PSEUDONYMISATION)

    assert answer.json()["decision"] is True, answer.text
    context = answer.json()["context"]
    assert context["match"] == {
        "national": False,
        "codes": [plain.CCG],
        "reasons": ["G", "H", "R", "C"],
        "filters": [],
        "opt_outs_applied": True,
        "opt_outs_by": "list",
        "list_age_days_max": 7,
    }
    assert {"permit", "lease", "holding_id", "domain"}.isdisjoint(context)
    (logged,) = asked.logged()
    assert (str(logged.id), logged.action, logged.permitted) == (context["id"], "match", True)
    assert logged.subject == body["context"]["request_id"]


def test_a_commissioning_team_that_matches_is_refused_and_the_attempt_is_logged(asked):
    answer = asked.post(match_body(asked, CLIENT), role=Role.SERVICE_PSEUDONYMISATION)

    assert answer.json()["decision"] is False
    assert ("ENVIRONMENT_MISMATCH", None) in codes(answer)
    assert "match" not in answer.json()["context"]
    (logged,) = asked.logged()
    assert (logged.action, logged.permitted) == ("match", False)


@pytest.mark.parametrize("role", [Role.SERVICE_DISSEMINATION, Role.CSU_SYSTEM])
def test_nobody_but_the_haven_asks_whether_numbers_may_be_matched(asked, role):
    answer = asked.post(match_body(asked), role=role)

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")
    assert asked.logged() == []


def scores_body(asked, client=plain.RISK_CLIENT, ods=CSU):
    token = asked.token(client, ods, "pseudonymisation", Role.CSU_SYSTEM)
    line = {"purpose": "RS", "data_set": "SUS_APC", "classification": "IDENTIFIABLE"}
    return {
        "subject": {"type": "client", "id": client, "properties": {"token": token}},
        "action": {"name": "return_scores"},
        "resource": {"type": "line", "id": plain.REFERENCE, "properties": line},
        "context": {"request_id": str(new_id()), "period": "2018-04", "people": 3},
    }


def test_the_haven_is_told_by_whose_tokens_scores_come_back_and_it_is_logged_before(stratified):
    body = scores_body(stratified)
    answer = stratified.post(body, role=Role.SERVICE_PSEUDONYMISATION)

    assert answer.json()["decision"] is True, answer.text
    context = answer.json()["context"]
    assert context["domain"].startswith("sha256:")
    assert {"permit", "lease", "holding_id", "match"}.isdisjoint(context)
    (logged,) = stratified.logged()
    assert (str(logged.id), logged.action, logged.permitted) == (
        context["id"],
        "return_scores",
        True,
    )


def test_a_commissioning_team_that_sends_scores_is_refused_and_the_attempt_is_logged(stratified):
    answer = stratified.post(scores_body(stratified, CLIENT), role=Role.SERVICE_PSEUDONYMISATION)

    assert answer.json()["decision"] is False
    assert ("ENVIRONMENT_MISMATCH", None) in codes(answer)
    assert "domain" not in answer.json()["context"]
    (logged,) = stratified.logged()
    assert (logged.action, logged.permitted) == ("return_scores", False)


@pytest.mark.parametrize("role", [Role.SERVICE_DISSEMINATION, Role.CSU_SYSTEM])
def test_nobody_but_the_haven_asks_whether_scores_come_back(stratified, role):
    answer = stratified.post(scores_body(stratified), role=role)

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")
    assert stratified.logged() == []


def test_the_haven_asks_for_nothing_else(asked):
    answer = asked.post(asked.request_body(), role=Role.SERVICE_PSEUDONYMISATION)

    assert (answer.status_code, answer.json()["code"]) == (403, "ONLY_ABOUT_ONESELF")


def test_a_token_made_for_another_service_proves_nothing_to_the_haven(stratified):
    body = reidentify_body(stratified, audience="dissemination")
    answer = stratified.post(body, role=Role.SERVICE_PSEUDONYMISATION)

    assert (answer.status_code, answer.json()["code"]) == (403, "EVIDENCE_NOT_ACCEPTED")
