"""What the intake really landed, prepared: every column that may leave, in every form."""

import csv
import io
import random
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import duckdb
import pytest

import catalogue
from catalogue import Treatment
from common.errors import Refused
from common.ids import digest_of, new_id
from common.security.keys import ATTESTATION, PERMIT, SignedVerifier, Signer, generate_jwk, issue
from common.security.principal import Principal
from common.security.roles import Role
from pseudonymisation.preparations.domain.errors import PermitInvalid
from pseudonymisation.preparations.domain.preparation import PreparationState
from pseudonymisation.preparations.use_cases.preparations import accept, get
from services.pseudonymisation.tests import oracle
from services.pseudonymisation.tests.api.test_opt_outs import body, decide, numbers, take
from services.pseudonymisation.tests.haven import editions_are
from services.pseudonymisation.tests.landed import is_nhs_number
from services.pseudonymisation.tests.submitting import POSTCODES, PRACTICES, sus_row, written
from statements.handed import RequestedExtract

SAMPLE = Path(__file__).parents[5] / "shared" / "data" / "dids_sample_495.csv"
PEOPLE = ["9990000018", "9990000026", "9990000034", "9990000042", ""]


class Dissemination:
    """Asks for extracts with permits of agreements, whose key it is given for the test."""

    def __init__(self, intake, clock):
        self.clock = clock
        self.agreements = Signer(generate_jwk())
        self.parts = replace(intake.parts, permit_keys=self.agreements.jwks)

    def prepare(
        self,
        data_set,
        fields,
        *,
        periods,
        codes,
        reasons,
        formats=("parquet", "csv"),
        upholds=False,
        caps=None,
        purpose="COM",
        classification="PSEUDO_ANONYMISED",
        agreement="DARS-NIC-123456-A1B2C",
        **more,
    ):
        request = {
            "extract_id": str(new_id()),
            "agreement": agreement,
            "purpose": purpose,
            "data_set": data_set.data_set,
            "classification": classification,
            "periods": periods,
            "fields": list(fields),
            "formats": list(formats),
        }
        domain = {
            "controllers": ["02P"],
            "agreement": request["agreement"],
            "purpose": purpose,
            "environment": "e1",
            "opt_out": "applied" if upholds else "not_applied",
            "data_sets": [data_set.data_set],
        }
        claims = {
            "jti": str(new_id()),
            "sub": "csu",
            "req": digest_of(request),
            "extract_id": request["extract_id"],
            "decision_id": str(new_id()),
            "epoch": 1,
            "agreement": {
                "reference": request["agreement"],
                "version": "v0.0",
                "document_hash": "sha256:" + "0" * 64,
            },
            "line": {
                "number": 1,
                "purpose": purpose,
                "data_set": data_set.data_set,
                "catalogue_version": data_set.version,
                "catalogue_digest": data_set.digest,
                "classification": classification,
                "sensitivity": "NON_SENSITIVE",
            },
            "fields": [{"name": n, "treatment": t} for n, t in fields.items()],
            "periods": periods,
            "formats": list(formats),
            "population": {
                "rule": "own",
                "codes": codes,
                "reasons": list(reasons),
                "map_versions": {"practice": [], "postcode": []},
            },
            "domain": {"id": digest_of(domain), **domain},
            "opt_out": {"applied": upholds, "list_age_days_max": 7},
            "disclosure_rule": "HES",
            **({"caps": {"rule": "caps/4", "columns": caps}} if caps else {}),
            **more,
        }
        principal = Principal(
            subject="dissemination",
            client_id="dissemination",
            organisation="X26",
            role=Role.SERVICE_DISSEMINATION,
            token_id="t",
            expires_at=self.clock.now(),
            audience="pseudonymisation",
        )
        ctx = self.parts.preparations.on_behalf_of(principal)
        permit = issue(self.agreements, PERMIT, claims, at=self.clock.now())
        asked = RequestedExtract.model_validate(request)
        accept(UUID(claims["jti"]), permit, asked, ctx=ctx)
        claim = self.parts.preparation_jobs.claim()
        self.parts.preparation_jobs.run(claim)
        return get(UUID(claims["jti"]), ctx=ctx)

    def path(self, file):
        return Path(self.parts.settings.release_store) / file.object_key


@pytest.fixture
def dissemination(intake, clock):
    dissemination = Dissemination(intake, clock)
    yield dissemination
    dissemination.parts.close()


def forms_of(data_set, at):
    """Every column that may leave without a legal route, in its first, second, ... form."""
    forms = {
        name: [form for form in column.treatments if form is not Treatment.IDENTIFIED]
        for name, column in data_set.releasables.items()
    }
    return {name: each[at % len(each)].value for name, each in forms.items() if each}


def sus_rows(count):
    chance = random.Random(11)
    for n in range(count):
        number = chance.choice(PEOPLE)
        yield sus_row(
            NHS_Number=number,
            Local_Patient_ID=f"L{chance.randrange(40)}",
            Date_of_Birth=chance.choice(["1951-02-11", "2000-02-29", "1920-05-05"]),
            Postcode=chance.choice([*POSTCODES, "ZZ99 3VZ", ""]),
            GP_Practice_Code=chance.choice([*PRACTICES, ""]),
            Commissioner_Code=chance.choice(["02P", "00L", "26A"]),
            Org_Code_Res_Resp=chance.choice(["02P", "99E", ""]),
            Unique_CDS_Identifier=f"BRR8{n:010d}",
            Hospital_Spell_No=chance.choice([f"SP{n}", f"RAX{number}-2"]),
            CDS_Activity_Date=f"2018-04-{1 + n % 30:02d}",
            Der_Spell_LoS=str(n % 40),
            Sex=str(chance.choice([1, 2])),
        )


def test_every_column_in_every_form_of_a_landed_file_is_prepared(intake, dissemination):
    sus = catalogue.load().get("SUS_APC")
    rows = list(sus_rows(300))
    assert intake.submit(written(rows))["state"] == "accepted"

    for at in range(3):
        fields = forms_of(sus, at)
        done = dissemination.prepare(
            sus, fields, periods=["2018-04"], codes=["02P"], reasons="GHRC"
        )
        assert (done.state, done.code) == (PreparationState.PREPARED, None)
        parquet, csv_file = done.files
        names = ["Token", "Reason_For_Access", *fields]
        made = duckdb.sql(f"SELECT * FROM '{dissemination.path(parquet)}'")
        assert [d[0] for d in made.description] == names
        found = [dict(zip(names, row, strict=True)) for row in made.fetchall()]
        wanted = [row for row in rows if reasons_of(row)]
        assert len(found) == len(wanted) == parquet.rows == csv_file.rows > 0
        assert Counter(f["Reason_For_Access"] for f in found) == Counter(map(reasons_of, wanted))
        assert Counter(f["Sex"] for f in found) == Counter(r["Sex"] for r in wanted)
        people = {r["NHS_Number"] or r["Local_Patient_ID"] for r in wanted}
        assert len({f["Token"] for f in found}) == len(people)
        spells = {f["Hospital_Spell_No"] for f in found}
        assert len(spells) == len({r["Hospital_Spell_No"] for r in wanted})
        assert all(re.fullmatch(r"I[A-Za-z0-9_-]{23}", s) for s in spells)
        dates = Counter(str(f["CDS_Activity_Date"]) for f in found)
        cut = {"as_is": 10, "month": 7, "year": 4}[fields["CDS_Activity_Date"]]
        if cut == 10:  # with its month on the line too, a date is withheld (caps/4)
            assert dates == Counter({"None": len(wanted)})
        else:
            assert dates == Counter(r["CDS_Activity_Date"][:cut] for r in wanted)
        ages = Counter(f["Age_at_CDS_Activity_Date"] for f in found)
        assert ages == Counter(age_of(r) for r in wanted)
        said = SignedVerifier(
            ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
        ).verify(parquet.attestation)
        scanned = {f.name for f in sus.fields if f.scan and f.identifier is None}
        assert scanned & set(fields) <= set(said["scan"]["columns"])
        assert said["population"]["map_versions"]["practice"]
        assert said["caps"]["rule"] == "caps/4"
        assert said["caps"]["columns"]["Year_of_Birth_SUS"] == "capped"
        assert said["caps"]["columns"]["Der_Postcode_LSOA_2011_Code"] == "withheld"
        assert {f["Der_Postcode_LSOA_2011_Code"] for f in found} == {None}
        assert {f["Year_of_Birth_SUS"] for f in found} == {1928, 1951, 2000}


def test_what_the_rest_of_the_line_hides_is_hidden_in_an_extract_without_it(intake, dissemination):
    """The haven is asked for a part of the line; agreements knows the line, and says the rest."""
    sus = catalogue.load().get("SUS_APC")
    assert intake.submit(written(list(sus_rows(50))))["state"] == "accepted"
    fields = {
        "Der_Postcode_LSOA_2011_Code": "derived",
        "Year_of_Birth_SUS": "derived",
        "Admission_Date": "month",
        "Discharge_Date": "year",
        "Sex": "as_is",
    }
    wanted = {
        "Der_Postcode_LSOA_2011_Code": "withheld",
        "Year_of_Birth_SUS": "withheld_of_oldest",
        "Admission_Date": "withheld",
        "Discharge_Date": "withheld",
        "Sex": "capped",  # cannot be done to a column that is not of a birth
        "Ethnic_Group": "withheld",  # is not in the extract
    }

    def told(caps):
        done = dissemination.prepare(
            sus, fields, periods=["2018-04"], codes=["02P"], reasons="GHRC", caps=caps
        )
        said = SignedVerifier(
            ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
        ).verify(done.files[0].attestation)
        columns = ", ".join(f'"{name}"' for name in fields)
        path = dissemination.path(done.files[0])
        rows = duckdb.sql(f"SELECT {columns} FROM '{path}'").fetchall()
        values = zip(*rows, strict=True)
        return said["caps"], dict(zip(fields, map(set, values), strict=True))

    alone, plain = told(None)
    assert alone == {"rule": "caps/4", "columns": {"Year_of_Birth_SUS": "capped"}}
    assert {1928, 1951, 2000} == plain["Year_of_Birth_SUS"]
    assert None not in plain["Admission_Date"] | plain["Discharge_Date"] | plain["Sex"]
    said, beside = told(wanted)
    assert said["columns"] == {n: c for n, c in wanted.items() if n in fields} | {"Sex": "withheld"}
    assert beside.pop("Year_of_Birth_SUS") == {None, 1951, 2000}
    assert all(values == {None} for values in beside.values())


def test_a_cap_that_the_haven_does_not_know_is_no_permit(intake, dissemination):
    sus = catalogue.load().get("SUS_APC")

    with pytest.raises(PermitInvalid):
        dissemination.prepare(
            sus, {"Sex": "as_is"}, periods=["2018-04"], codes=["02P"], reasons="G",
            caps={"Sex": "reversed"},
        )  # fmt: skip


@pytest.mark.parametrize("landed_by", ["1.0", "1.1"])
def test_codes_of_staff_leave_by_the_version_that_a_line_is_signed_for(
    intake, dissemination, landed_by
):
    """C13: one landed edition serves lines of both versions, each in the form that it allows."""
    former, later = (catalogue.load().get("SUS_APC", version) for version in ("1.0", "1.1"))
    rows = [
        sus_row(Consultant_Code=code, Unique_CDS_Identifier=f"B{n}")
        for n, code in enumerate(["C1234567", "C7654321", "", "19700131"])
    ]
    assert intake.submit(written(rows))["state"] == "accepted"
    landed = catalogue.load().get("SUS_APC", landed_by)
    change = "catalogue_version = :v, catalogue_digest = :d"
    editions_are(intake.parts.engine, change, v=landed.version, d=landed.digest)

    def codes(data_set, treatment):
        fields = {"Consultant_Code": treatment}
        done = dissemination.prepare(
            data_set, fields, periods=["2018-04"], codes=["02P"], reasons="C", formats=("parquet",)
        )
        assert (done.state, done.code) == (PreparationState.PREPARED, None)
        (file,) = done.files
        said = SignedVerifier(
            ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
        ).verify(file.attestation)
        made = duckdb.sql(f"SELECT Consultant_Code FROM '{dissemination.path(file)}'").fetchall()
        return [code for (code,) in made], said

    tokens, _ = codes(former, "pseudonym")
    assert all(code is None or re.fullmatch(r"I[A-Za-z0-9_-]{23}", code) for code in tokens)
    with pytest.raises(Refused):
        codes(former, "as_is")
    found, said = codes(later, "as_is")
    # The last is the person's own date of birth, and no code.
    assert Counter(found) == {"C1234567": 1, "C7654321": 1, None: 2}
    assert said["columns"][-1] == {
        "name": "Consultant_Code", "treatment": "as_is", "class": "STAFF",
    }  # fmt: skip
    assert said["scan"]["staff_codes_left_out"] == 1
    assert "Consultant_Code" in said["scan"]["columns"]


def test_a_file_that_joins_editions_of_two_forms_names_the_break(intake, dissemination):
    """Guard: `attestation.forms_of` (B8): tokens that were given do not change in silence."""
    sus = catalogue.load().get("SUS_APC")
    ids = []
    for month in ("2018-04", "2018-05"):
        day = f"{month}-10"
        dates = dict.fromkeys(
            ("CDS_Activity_Date", "Admission_Date", "Episode_Start_Date"), day
        ) | dict.fromkeys(("Discharge_Date", "Episode_End_Date"), f"{month}-12")
        rows = [sus_row(Unique_CDS_Identifier=f"B{month}", **dates)]
        ids.append(intake.submit(written(rows), period=month)["edition_id"])

    def attested():
        done = dissemination.prepare(
            sus, {"Sex": "as_is"}, periods=["2018-04", "2018-05"], codes=["02P"], reasons="C",
            formats=("parquet",),
        )  # fmt: skip
        return SignedVerifier(
            ATTESTATION, dissemination.parts.signer.jwks, clock=dissemination.clock
        ).verify(done.files[0].attestation)

    assert "forms" not in attested()
    editions_are(intake.parts.engine, "organisation_map_id = NULL WHERE period = '2018-04'")

    forms = attested()["forms"]
    assert [(f["organisation_codes"], f["editions"]) for f in forms] == [
        ("as_text", [ids[0]]),
        ("by_map", [ids[1]]),
    ]


def test_from_the_list_that_is_sent_to_the_rows_that_are_released(intake, dissemination):
    """Refused, in force, waiting, confirmed: who is in the extract is told by their sex."""
    sus = catalogue.load().get("SUS_APC")
    people = numbers(2000, 2250)
    objectors, others, rest = people[:60], people[60:100], people[100:]
    sexes = dict.fromkeys(objectors, "1") | dict.fromkeys(others, "9") | dict.fromkeys(rest, "2")
    rows = [
        sus_row(NHS_Number=number, Sex=sex, Unique_CDS_Identifier=f"BRR8{n:09}")
        for n, (number, sex) in enumerate(sexes.items())
    ]
    assert intake.submit(written(rows))["state"] == "accepted"

    def released(*left_out):
        """The extract is what is left of the rows, one after the other."""
        done = dissemination.prepare(
            sus, {"Sex": "as_is"}, periods=["2018-04"], codes=["02P"], reasons="GHRC",
            formats=("parquet",), upholds=True,
        )  # fmt: skip
        if done.state is PreparationState.FAILED:
            return done.code
        (file,) = done.files
        made = duckdb.sql(f"SELECT Sex FROM '{dissemination.path(file)}'").fetchall()
        gone = {number for group in left_out for number in group}
        assert Counter(sex for (sex,) in made) == Counter(
            row["Sex"] for row in rows if row["NHS_Number"] not in gone
        )
        return "released"

    assert released() == "OPT_OUT_NOT_APPLIED"
    assert take(intake, b"").status_code == 422
    cleared = "".join(f"{number},\n" for number in others + rest).encode()
    assert take(intake, cleared).json()["code"] == "OPT_OUT_LIST_IS_REPLY"
    assert released() == "OPT_OUT_NOT_APPLIED"

    # A first list of so many of those who are landed may be an inverted one.
    first = take(intake, body(objectors), declared=60).json()
    assert first["state"] == "waiting"
    assert decide(intake, first["id"], "confirmation", by="second").status_code == 200
    assert released(objectors) == "released"

    inverted = take(intake, body(others), client_id="second").json()
    assert inverted["state"] == "waiting"
    assert released(objectors, others) == "released"

    assert decide(intake, inverted["id"], "confirmation", by="third").status_code == 200
    assert released(others) == "released"


def reasons_of(row):
    named = {
        "C": row["Commissioner_Code"],
        "G": PRACTICES.get(row["GP_Practice_Code"]),
        "H": POSTCODES.get(row["Postcode"], (None,))[0],
        "R": row["Org_Code_Res_Resp"],
    }
    return ";".join(f"{letter}:02P" for letter, code in named.items() if code == "02P")


def age_of(row):
    from datetime import date

    born, seen = (date.fromisoformat(row[n]) for n in ("Date_of_Birth", "CDS_Activity_Date"))
    age = oracle.age_at(born, seen)
    return None if age is None else min(age, 90)


@pytest.mark.scenario("R15")
@pytest.mark.skipif(not SAMPLE.exists(), reason="the published sample is not here")
def test_the_published_imaging_file_leaves_without_a_number_of_anybody(intake, dissemination):
    dids = catalogue.load().get("DIDS")
    content = SAMPLE.read_bytes()
    records = list(csv.DictReader(io.StringIO(content.decode())))
    first, last = (f(r["DIAGNOSTIC_TEST_DATE"][:7] for r in records) for f in (min, max))
    submitted = intake.submit(content, data_set="DIDS", period=f"{first}/{last}")
    assert submitted["state"] == "accepted", submitted
    months = sorted({r["DIAGNOSTIC_TEST_DATE"][:7] for r in records})

    done = dissemination.prepare(
        dids, forms_of(dids, 0), periods=months, codes=["02P"], reasons="GH"
    )

    assert (done.state, done.code) == (PreparationState.PREPARED, None)
    parquet, csv_file = done.files
    assert parquet.rows > 0
    released = dissemination.path(csv_file).read_text()
    raw = dissemination.path(parquet).read_bytes()
    for record in records:
        number = record["NHS_NUMBER"]
        assert not number or number not in released
        assert not number or number.encode() not in raw
        assert record["RADIOLOGICAL_ACCESSION_NUM"] not in released
    tokens = re.compile(r"(?<![A-Za-z0-9_-])[PLI][A-Za-z0-9_-]{23}(?![A-Za-z0-9_-])")
    runs = re.findall(r"[0-9]{10,}", tokens.sub("", released))
    windows = [run[i : i + 10] for run in runs for i in range(len(run) - 9)]
    assert not [w for w in windows if is_nhs_number(w)]
