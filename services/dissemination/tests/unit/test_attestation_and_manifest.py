"""What the haven attests is read as it is, and the manifest repeats it."""

import base64
import csv
import io
import json
from dataclasses import fields, replace
from datetime import UTC, date, datetime, timedelta, timezone
from uuid import UUID

import pytest

import catalogue
from catalogue import Derivation
from common.errors import TransitionRefused
from common.security.jws import unverified
from dissemination.domain import register
from dissemination.domain.agreement_status import Availability, Status
from dissemination.domain.attestation import SignedAttestation
from dissemination.domain.delivery import Cut, Delivery, Outcome
from dissemination.domain.errors import AttestationMalformed
from dissemination.domain.extract import Extract, Permit, PreparedFile, Requester
from dissemination.domain.register import COLUMNS, entry
from dissemination.domain.release import LeafPosition, ReleaseDecision, manifest
from dissemination.domain.zips.explaining import NO_NAMES, data_dictionary, read_me
from statements.attestation import assumed_in_words
from statements.decision import JudgedLine, RegisterTerms
from statements.line import AgreementVersion
from statements.request import ExtractRequest
from statements.snapshot import NamedController
from statements.vocabulary import Format

AT = datetime(2018, 6, 1, 12, tzinfo=UTC)
EXTRACT_ID, FILE_ID = UUID(int=1), UUID(int=2)
REQUESTER = Requester(subject="s", client_id="c", organisation="0DF", role="csu-system")

SAID = {"id": str(FILE_ID), "format": "parquet", "object_key": "k", "bytes": 10, "rows": 3}
CLAIMS = {
    "sub": str(FILE_ID),
    "extract_id": str(EXTRACT_ID),
    "permit_id": "p",
    "preparation_id": "p",
    "file": {**SAID, "digest": "sha256:d"},
    "line": {
        "number": 1,
        "purpose": "COM",
        "data_set": "SUS_APC",
        "catalogue_version": "1.0",
        "catalogue_digest": "sha256:c",
        "classification": "PSEUDO_ANONYMISED",
        "sensitivity": "NON_SENSITIVE",
    },
    "columns": [{"name": "Token", "treatment": "pseudonym", "class": "DER"}],
    "periods": ["2018-04"],
    "editions": [
        {"id": id_, "provider": "RR8", "period": "2018-04", "number": 1, "status": "final"}
        for id_ in ("e1", "e2")
    ],
    "population": {
        "codes": ["02P"],
        "reasons": ["G"],
        "map_versions": {"practice": [], "postcode": []},
        "rows_without_reason": 0,
    },
    "domain": "sha256:m",
    "opt_out": {
        "applied": False,
        "list_id": None,
        "list_date": None,
        "people_left_out": 0,
        "rows_without_person_left_out": 0,
    },
    "scan": {"rule": "pcd-scan/2", "columns": [], "hits": 0},
    "disclosure_rule": "HES",
    "order": "token",
}


def signed(claims):
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).rstrip(b"=").decode()
    return f"head.{payload}.sign"


def read(compact):
    return SignedAttestation.read(compact, unverified(compact))


FILE = PreparedFile(
    id=FILE_ID,
    format=Format.PARQUET,
    object_key="k",
    bytes=10,
    digest="sha256:d",
    rows=3,
    attestation=signed(CLAIMS),
)
REFERENCE = "DARS-NIC-123456-A1B2C"
LINE = JudgedLine(
    number=1,
    data_set="SUS_APC",
    purpose="COM",
    classification="PSEUDO_ANONYMISED",
    sensitivity="NON_SENSITIVE",
    opt_outs_applied=False,
    opt_out_reason="no_identifying_data",
    dissemination_power="s261_1",
    access_method="ONGOING",
)
TERMS = RegisterTerms(
    title="Title",
    start=date(2018, 4, 1),
    end=date(2021, 3, 31),
    controllers=(NamedController(ods="02P", legal_name="NHS Barnsley CCG"),),
    commercial=False,
    sub_licence=True,
    line=LINE,
    objectives="o",
    processing="p",
    outputs="u",
    benefits="b",
    yielded_benefits="",
)
EXTRACT = Extract(
    id=EXTRACT_ID,
    request=ExtractRequest(
        extract_id=str(EXTRACT_ID),
        agreement=REFERENCE,
        purpose="COM",
        data_set="SUS_APC",
        classification="PSEUDO_ANONYMISED",
        periods=("2018-04",),
        fields=("Sex",),
        formats=("parquet",),
    ),
    requester=REQUESTER,
    permit=Permit(id="p", compact="x", expires_at=AT, decision_id=UUID(int=3), epoch=1),
    requested_at=AT,
    changed_at=AT,
)


def test_an_attestation_about_the_file_is_accepted():
    attestation = read(FILE.attestation)
    attestation.require_about(FILE, extract_id=EXTRACT_ID, permit_id="p")

    assert attestation.edition_ids == ("e1", "e2")
    assert attestation.digest.startswith("sha256:")


@pytest.mark.parametrize(
    "other",
    [
        {"digest": "sha256:other"},
        {"bytes": 11},
        {"rows": 4},
        {"object_key": "else"},
        {"format": Format.CSV},
        {"id": UUID(int=9)},
    ],
)
def test_an_attestation_about_another_file_is_refused(other):
    with pytest.raises(AttestationMalformed):
        read(FILE.attestation).require_about(
            replace(FILE, **other), extract_id=EXTRACT_ID, permit_id="p"
        )


@pytest.mark.parametrize("names", [{"extract_id": UUID(int=8)}, {"permit_id": "q"}])
def test_an_attestation_of_another_preparation_is_refused(names):
    with pytest.raises(AttestationMalformed):
        read(FILE.attestation).require_about(
            FILE, **{"extract_id": EXTRACT_ID, "permit_id": "p", **names}
        )


@pytest.mark.parametrize("compact", ["", "a", "a.%%%.c", "a.bm90IGpzb24.c", signed([1])])
def test_what_is_no_attestation_is_refused(compact):
    with pytest.raises(AttestationMalformed):
        read(compact)


@pytest.mark.parametrize("missing", CLAIMS)
def test_an_attestation_without_what_it_must_say_is_refused(missing):
    with pytest.raises(AttestationMalformed):
        read(signed({k: v for k, v in CLAIMS.items() if k != missing}))


def manifest_of(attestation):
    return manifest(
        EXTRACT,
        FILE,
        read(attestation),
        decision=ReleaseDecision(
            decision_id=UUID(int=4),
            holding_id="h",
            agreement=AgreementVersion(
                reference=REFERENCE, version="v1.0", document_hash="sha256:h"
            ),
        ),
        leaf=LeafPosition(index=6, size=7, root="sha256:r"),
        at=AT,
    )


def test_the_manifest_names_file_agreement_decisions_and_place_in_the_log():
    said = manifest_of(FILE.attestation).claims()

    assert said["file"]["digest"] == FILE.digest
    assert said["file"]["columns"] == CLAIMS["columns"]
    assert said["agreement"] == {
        "reference": REFERENCE,
        "version": "v1.0",
        "document_hash": "sha256:h",
    }
    assert said["catalogue"] == {"data_set": "SUS_APC", "version": "1.0", "digest": "sha256:c"}
    assert said["decisions"] == {"request": str(UUID(int=3)), "release": str(UUID(int=4))}
    assert said["holding_id"] == "h"
    assert said["audit"] == {"log": "dissemination", "index": 6, "size": 7, "root": "sha256:r"}
    assert {n: said[n] for n in ("periods", "editions", "population", "domain")} == {
        n: CLAIMS[n] for n in ("periods", "editions", "population", "domain")
    }


def test_a_register_line_has_the_published_columns_in_their_words():
    line = entry(TERMS, reference=REFERENCE, line_id=UUID(int=5), file_id=FILE_ID, at=AT)

    assert line.controllers == "NHS Barnsley CCG (02P)"
    assert line.controller_type == "Sole"
    assert line.classification == "Anonymised - ICO Code Compliant"
    assert (line.sensitivity, line.access_method) == ("Non-sensitive", "Ongoing")
    assert (line.commercial_purpose, line.sub_licensing, line.opt_outs_applied) == (
        "No",
        "Yes",
        "No",
    )
    assert {name for name, _ in COLUMNS} == {
        name for name in register.RegisterLine.__slots__ if name != "id"
    }


def test_the_manifest_says_that_opt_outs_are_upheld_and_not_how_many_objected():
    """Two of these numbers beside a change set would say which removals are objections."""
    claims = CLAIMS | {"opt_out": CLAIMS["opt_out"] | {"people_left_out": 7}}

    said = manifest_of(signed(claims)).claims()["opt_out"]

    assert said == {
        name: value
        for name, value in claims["opt_out"].items()
        if name not in {"people_left_out", "rows_without_person_left_out"}
    }


def test_several_controllers_are_joint():
    terms = replace(
        TERMS, controllers=(*TERMS.controllers, NamedController(ods="02Q", legal_name="B"))
    )

    line = entry(terms, reference=REFERENCE, line_id=UUID(int=5), file_id=FILE_ID, at=AT)

    assert line.controller_type == "Joint"
    assert line.controllers == "NHS Barnsley CCG (02P); B (02Q)"


def test_what_is_listed_has_every_column_and_how_the_file_stands():
    line = entry(TERMS, reference=REFERENCE, line_id=UUID(int=5), file_id=FILE_ID, at=AT)
    status = Status(availability=Availability.SUSPENDED, code="BREACH_OPEN", since=AT)

    told = register.Listed(extract_id=FILE_ID, line=line, status=status).told

    assert set(told) == {name for name, _ in (*COLUMNS, *register.STATUS_COLUMNS)}
    assert (told["status"], told["status_code"], told["status_since"]) == (
        Availability.SUSPENDED,
        "BREACH_OPEN",
        AT,
    )


DELIVERY = Delivery(
    id=UUID(int=6),
    file_id=FILE_ID,
    extract_id=EXTRACT_ID,
    agreement=REFERENCE,
    decision_id=UUID(int=4),
    requester=REQUESTER,
    start=2,
    end=10,
    begun_at=AT,
)


def test_a_delivery_is_complete_or_cut_and_says_so():
    complete = DELIVERY.complete(at=AT)
    cut = DELIVERY.cut(Cut.LEASE_ENDED, bytes_=3, at=AT)

    assert (complete.outcome, complete.bytes, complete.code) == (Outcome.COMPLETE, 8, None)
    assert (cut.outcome, cut.bytes, cut.code) == (Outcome.CUT, 3, "LEASE_ENDED")
    assert complete.pending[0].model_dump(mode="json")["complete"] is True
    assert cut.pending[0].model_dump(mode="json") == {
        "extract_id": str(EXTRACT_ID),
        "file_id": str(FILE_ID),
        "delivery_id": str(DELIVERY.id),
        "bytes": 3,
        "complete": False,
    }


def test_a_delivery_ends_once():
    with pytest.raises(TransitionRefused):
        DELIVERY.complete(at=AT).cut("X", bytes_=0, at=AT)


def test_what_is_assumed_of_a_file_is_in_its_manifest_and_on_the_public_line():
    """Guards: `assumed` of `release.manifest`, and of `register.entry`."""
    marked = {"name": "Age", "treatment": "as_is", "class": "QI", "assumed": True}
    rules = [{"rule": "landing rules SUS_APC 5", "parts": ["LEGALLY_RESTRICTED", "collection"]}]
    columns = [*CLAIMS["columns"], marked]
    claims = manifest_of(signed({**CLAIMS, "columns": columns, "assumed": rules})).claims()
    plain = manifest_of(FILE.attestation).claims()
    said = read(signed({**CLAIMS, "columns": columns, "assumed": rules})).said
    words = assumed_in_words(said.columns, said.assumed)

    assert (claims["assumed"], claims["file"]["columns"][-1]) == (rules, marked)
    assert "assumed" not in plain
    assert words == "columns: Age; landing rules SUS_APC 5: LEGALLY_RESTRICTED, collection"
    assert assumed_in_words(read(FILE.attestation).said.columns, ()) == ""


def test_how_few_people_share_what_could_single_them_out_is_in_the_manifest():
    """Guard: `groups` of `release.manifest`. Of a file from before nothing is said."""
    groups = {"columns": ["Sex"], "people": 40, "smallest": 3, "unique": 2}

    claims = manifest_of(signed({**CLAIMS, "groups": groups})).claims()
    said = read(signed({**CLAIMS, "groups": groups})).said

    assert claims["groups"] == groups
    assert said.groups.unique_share == 0.05
    assert "groups" not in manifest_of(FILE.attestation).claims()


def test_the_dictionary_says_why_codes_of_areas_have_no_names():
    """Guard: `explaining._codes`. A column with codes of its own has their meanings there."""
    known = catalogue.load().get("SUS_APC")
    made = {derived.derivation: derived.name for derived in known.derived}
    names = [made[Derivation.LSOA], made[Derivation.POSTCODE_SECTOR], "Sex"]
    columns = [{"name": name, "treatment": "as_is", "class": "QI"} for name in names]
    claims = manifest_of(signed({**CLAIMS, "columns": columns}))

    told: dict[str, set[str]] = {}
    for row in csv.DictReader(io.StringIO(data_dictionary(claims, known))):
        told.setdefault(row["column"], set()).add(row["meaning"])

    area, sector, sex = (told[name] for name in names)
    assert area == {NO_NAMES}
    assert sector == {""}
    assert NO_NAMES not in sex
    assert len(sex) > 2


@pytest.mark.parametrize(
    ("column", "told"),
    [
        (
            "Care_Activities.CodedProcedure",
            [
                "Group: Care Activities; a record is: activity",
                "Joined with Demographics and Referrals by: Token, Unique_ServiceRequestID",
                "Joined with Coded Scored Assessments by: Token, Unique_CareActivityID",
            ],
        ),
        (
            "Group_Sessions.GroupSession_Type",
            [
                "Group: Group Sessions; a record is: session",
                "Its records are about nobody, and are joined with none of another group.",
            ],
        ),
    ],
)
def test_the_page_says_which_group_it_is_and_by_what_it_is_joined(column, told):
    columns = [{"name": column, "treatment": "as_is", "class": "CLIN"}]
    manifest = manifest_of(signed({**CLAIMS, "columns": columns}))

    page = read_me(manifest, catalogue.load().get("CSDS"), "a.parquet").splitlines()

    assert page[1 : 1 + len(told)] == told
    assert page[1 + len(told)] == ""
    flat = read_me(manifest_of(FILE.attestation), catalogue.load().get("SUS_APC"), "a.parquet")
    assert flat.splitlines()[1] == ""


def test_the_page_of_a_change_set_names_the_extract_that_it_leads_from_and_its_key():
    """Guard: `explaining._changes`. A person must not take the changes for the data."""
    since = {"since": str(UUID(int=9)), "since_file": "sha256:e", "key": ["Token", "Spell"]}
    manifest = manifest_of(signed({**CLAIMS, "changes": since}))

    page = read_me(manifest, None, "a.parquet").splitlines()

    line = f"Changes since extract {UUID(int=9)}; a record is known by: Token, Spell"
    assert line in page
    assert "  a.parquet: the changes, and not the data" in page
    whole = read_me(manifest_of(FILE.attestation), None, "a.parquet")
    assert "Changes since" not in whole
    assert "  a.parquet: the data" in whole.splitlines()


def test_each_word_of_a_line_is_in_its_digest_and_what_is_empty_is_not():
    line = register.entry(
        TERMS, reference=REFERENCE, line_id=UUID(int=1), file_id=FILE_ID, at=AT, assumed="a"
    )
    told = [
        replace(line, **{one.name: other(getattr(line, one.name))}).digest for one in fields(line)
    ]

    assert len({line.digest, *told}) == len(told) + 1
    assert replace(line, released_at=AT.astimezone(timezone(timedelta(hours=1)))).digest == (
        line.digest
    )


def other(value):
    match value:
        case str():
            return f"{value}x"
        case UUID():
            return UUID(int=value.int + 1)
        case _:
            return value + timedelta(days=1)
