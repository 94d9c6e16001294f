"""What was landed is what an oracle written row by row from domain.md says, cell by cell."""

import csv
import io
import random
import re
from collections import Counter
from datetime import date, timedelta
from pathlib import Path

import pytest

import catalogue
from catalogue import ColumnType
from pseudonymisation.engine.blocks import Cipher, derive
from pseudonymisation.engine.sealing import Siv
from services.pseudonymisation.tests import intake_oracle, oracle
from services.pseudonymisation.tests.submitting import (
    AREA_COLUMNS,
    AREAS,
    DECILES,
    ORGANISATIONS,
    POSTCODES,
    PRACTICES,
    PROVIDER,
    Intake,
    sus_row,
    written,
)

SAMPLE = Path(__file__).parents[5] / "shared" / "data" / "dids_sample_495.csv"
ENTITIES = {code: said[0] for code, said in ORGANISATIONS.items()}
PLACES = {
    place: {name: code or None for name, code in zip(AREA_COLUMNS, told, strict=True)}
    for place, told in AREAS.items()
}
WORLD = oracle.World(PROVIDER, PRACTICES, POSTCODES, ENTITIES, areas=PLACES, deciles=DECILES)
PEOPLE = ["9990000018", "9990000026", "9990000034", "9990000042", "9990000050", "9990000069", ""]
ROWS = 400


def odd_rows(rows: int, seed: int) -> list[dict[str, str]]:
    """Records full of what is odd: leap days, default postcodes, personal data in text."""
    chance = random.Random(seed)
    births = ["2000-02-29", "1920-05-05", "1928-04-11", "2018-04-09", "2018-04-30", "1999-12-31"]
    found = []
    for n in range(rows):
        number, birth = chance.choice(PEOPLE), chance.choice(births)
        place = chance.choice([*POSTCODES, "ZZ99 3VZ", "s701aa", "M1 1AA", ""])
        digits = birth.replace("-", "")
        text = chance.choice(
            [
                "E119,I10X",
                f"see {number} and {chance.choice(PEOPLE)}",
                f"{digits}",
                f"X{birth[8:]}/{birth[5:7]}/{birth[:4]}Y",
                f"lives at {place.replace(' ', '').lower()}7",
                f"lives at {place}",
                "999 000 0018",
                "9990000018999000002699900000341234567890",
                "1234567890",
                "",
            ]
        )
        day = date(2018, 4, 1) + timedelta(days=chance.randrange(30))
        found.append(
            sus_row(
                NHS_Number=number,
                Date_of_Birth=birth,
                Postcode=place,
                Local_Patient_ID=f"L{chance.randrange(5)}",
                GP_Practice_Code=chance.choice([*PRACTICES, "Z99999", ""]),
                Hospital_Spell_No=chance.choice([f"RAX{number}-2", f"SP{n}", f"SPELL-{n:012d}"]),
                Der_Diagnosis_All=text,
                CDS_Activity_Date=day.isoformat(),
                Episode_Start_Date=(day - timedelta(days=chance.randrange(900))).isoformat(),
                Commissioner_Code=chance.choice(["02P", "02P00", "00L", "X24", "13Q", "VPP00"]),
                Org_Code_Res_Resp=chance.choice(["02P", ""]),
                Site_Code_of_Treatment=chance.choice(["RR801", "8J094", "NT2"]),
                Consultant_Code=chance.choice(["C1234567", ""]),
                Provider_Code=chance.choice(["RR8", "RR800", "RR801", "8J094", "89997"]),
                Der_Spell_LoS=str(chance.randrange(30)),
            )
        )
    return found


@pytest.fixture
def landed(intake):
    """Return a function that lands a file and gives its rows, as text and as landed."""

    def land(content: bytes, data_set: str = "SUS_APC", period: str = "2018-04"):
        done = intake.submit(content, data_set=data_set, period=period)
        assert done["state"] == "accepted", done
        records = list(csv.DictReader(io.StringIO(content.decode())))
        return intake, records, intake.landed(done["edition_id"])

    return land


def keys(intake: Intake, kind: str) -> tuple[Cipher, Siv]:
    store = intake.parts.keys
    return Cipher(store.get(f"haven/{kind}")), Siv(store.get(f"haven/{kind}_long"))


def block(text: str) -> bytes:
    return len(text).to_bytes(4, "little") + text.encode().ljust(12, b"\0")


def words(cell: bytes) -> tuple[int, int]:
    return int.from_bytes(cell[:8], "little"), int.from_bytes(cell[8:], "little")


def encrypted(key: bytes, text: str) -> tuple[int, int]:
    """One AES block by the library's own hand, not by our kernel."""
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()
    return words(encryptor.update(block(text)))


def siv(key: bytes, text: str) -> tuple[tuple[int, int], bytes]:
    """AES-SIV by the library's own hand."""
    from cryptography.hazmat.primitives.ciphers.aead import AESSIV

    both = derive(key, "siv/mac") + derive(key, "siv/counter")
    sealed = AESSIV(both).encrypt(text.encode(), None)
    return words(sealed[:16]), sealed[16:]


def judge(intake: Intake, data_set: str, records: list[dict], rows: list[dict]) -> None:
    """Compare every cell of every row."""
    described = catalogue.load().get(data_set)
    person = described.person
    takens = [intake_oracle.take_in(r, data_set) for r in records]
    nothing = [taken.adds_nothing for taken in takens]
    deleted = intake_oracle.deleted(records, takens, ENTITIES | {"": PROVIDER})
    kept = [
        (n, r)
        for n, (r, none) in enumerate(zip(records, nothing, strict=True), 2)
        if not none and n - 2 not in deleted
    ]
    assert len(rows) == len(kept)
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    left_out = Counter(filter(None, nothing)) + Counter({"DELETED": len(deleted)})
    assert report["adds_nothing"] == [
        {"code": code, "rows": left_out[code]} for code in sorted(left_out)
    ]
    for (line, record), row in zip(kept, rows, strict=True):
        value = {name: (record.get(name) or None) for name in described.by_name}
        taken = intake_oracle.take_in(record | value, data_set)
        value |= {name: taken.value[name] for name in value}
        as_came = [
            taken.own[name] for name in (person.nhs_number, person.postcode, person.date_of_birth)
        ]
        own = oracle.Own(*as_came)
        where = f"line {line}"

        assert row["line"] == line
        assert row["identity_withheld"] == taken.withheld, where
        columns = list(record)
        found = {
            f"{columns[int(place)]}:{code}"
            for place, code in (f.split(":") for f in (row["findings"] or "").split())
        }
        assert found == taken.findings, where
        judge_person(intake, described, value, row, taken.withheld, where)
        personal = judge_cells(intake, described, value, row, (own, taken.own), where)
        assert row["pcd_masked"] == personal, where
        for form in described.made_at_landing:
            event = value[form.at] if form.at else None
            expected = oracle.derived(form.derivation, value[form.source], event, WORLD)
            assert row[form.name] == expected, (where, form.name)
        for letter in "SPGHRCL":
            rule = described.population.get(letter)
            source = value[rule.field] if rule and rule.field else None
            expected = oracle.reason(rule.source, source, WORLD) if rule else None
            if taken.withheld and letter in "GHL":
                expected = None
            assert row[f"reason_{letter.lower()}"] == expected, (where, letter)
        assert row["period"] == value[described.periods.field][:7], where


def judge_person(intake, described, value, row, withheld, where) -> None:
    found = (row["person_0"], row["person_1"])
    number = value[described.person.nhs_number]
    if number is not None:
        assert row["person_kind"] == 1, where
        assert found == encrypted(intake.parts.keys.get("haven/nhs_number"), number), where
        return
    provider = WORLD.entity(value.get(described.person.provider or "")) or PROVIDER
    own = value[described.person.local_id]
    local = f"{provider}\x1f{own}"
    if withheld or own is None:
        edition = intake.get(f"/v1/submissions/{intake.last}").json()["edition_id"]
        local = f"{edition}\x1f{row['line']}"
    assert row["person_kind"] == 2, where
    assert found == siv(intake.parts.keys.get("haven/person_without_number"), local)[0], where


def judge_cells(intake, described, value, row, owned, where) -> bool:
    """Judge sealed and clear cells; say whether personal data were found in any.

    Also in those that are dropped, since the identity is withheld: their sender is told.
    """
    personal, (own, as_came) = False, owned
    for field in described.fields:
        text = value[field.name]
        if field.name == described.person.nhs_number:
            assert field.name not in row
        elif field.identifier is not None:
            judge_sealed(intake, field, text, row, where)
            assert field.name not in row
            came = as_came.get(field.name, text)
            if field.scan and came is not None:
                personal |= oracle.masked(came, own) != came
        elif field.type is ColumnType.TEXT:
            expected = text
            if text is not None and field.codes is None:
                expected = oracle.masked(text, own)
                personal |= expected != text
            assert row[field.name] == expected, (where, field.name)
        else:
            assert row[field.name] == typed(field.type, text), (where, field.name)
    return personal


def judge_sealed(intake, field, text, row, where) -> None:
    found = (row[f"{field.name}__0"], row[f"{field.name}__1"])
    if text is None:
        assert found == (None, None), (where, field.name)
        return
    if field.identifier == "postcode":
        text = oracle.postcode(text)
    store, kind = intake.parts.keys, f"haven/{field.identifier}"
    if len(text) <= 12:
        assert found == encrypted(store.get(kind), text), (where, field.name)
        assert row.get(f"{field.name}__rest") is None
    else:
        expected, rest = siv(store.get(f"{kind}_long"), text)
        assert found == expected, (where, field.name)
        assert row[f"{field.name}__rest"] == rest


def typed(kind: ColumnType, text: str | None):
    if text is None:
        return None
    made = {ColumnType.DATE: date.fromisoformat, ColumnType.INTEGER: int, ColumnType.DECIMAL: float}
    return made[kind](text)


def test_odd_records_are_landed_as_the_oracle_says(landed):
    intake, records, rows = landed(written(odd_rows(ROWS, seed=1)))

    judge(intake, "SUS_APC", records, rows)
    assert {row["person_kind"] for row in rows} == {1, 2}


def ruled_rows(rows: int, seed: int) -> list[dict[str, str]]:
    """Records of every kind that the landing rules know."""
    chance = random.Random(seed)
    found = []
    for n, row in enumerate(odd_rows(rows, seed)):
        day = row["CDS_Activity_Date"]
        changes = {
            "Local_Patient_ID": chance.choice([" L7 ", "unknown", "0000", "N/A", "yyy", "L8", "-"]),
            "Date_of_Birth": chance.choice(
                ["1900-01-01", "1879-12-31", "1880-01-01", "2018-04-30", day, "", "0000-00-00"]
            ),
            "Postcode": chance.choice(["S70  1AA", "S701AA ", "s70 1aa", "", "GIR 0AA", "gir0aa"]),
            "GP_Practice_Code": chance.choice(
                ["GUE00001", "A1B2C", "a81001", " A81001", "V81999", "JER01"]
            ),
            "Der_Primary_Diagnosis_Code": chance.choice(
                [
                    "I10X",
                    "I10X-",
                    "I10X-D",
                    "E11.9",
                    "e113-A",
                    "ANGINA",
                    "Z312",
                    "Z31.3",
                    "N980",
                    "",
                ]
            ),
            "Der_Primary_Procedure_Code": chance.choice(["W371", "W37.1", "Q131", "Y961", "?", ""]),
            "Discharge_Date": chance.choice([day, "2018-04-01", "9999-12-31", ""]),
            "Admission_Date": chance.choice([day, "2018-04-02"]),
            "Episode_Start_Date": day,
            "Episode_End_Date": chance.choice([day, "2018-03-01", "2999-12-31", ""]),
            "Der_Spell_LoS": chance.choice(["0", "-3", "99999", "4", ""]),
            "Consultant_Code": chance.choice(["C1234567", "99999999", "NULL", ""]),
            "Org_Code_Res_Resp": chance.choice(["02P", "02p", "YYY", "UNKNOWN", ""]),
            "Withheld_Identity_Reason": chance.choice(
                ["", "", "", "", "01", "02", "03", "97", "99", " 01", "0"]
            ),
            "Confidentiality_Category_SUS": chance.choice(["", "", "0", "1", "2", "3"]),
            "Update_Type": chance.choice(["9", "", "9", "1"]),
            "Test_Indicator": chance.choice(["", "", "0", "1"]),
            "CDS_Protocol_Identifier_Code": chance.choice(["", "010", "020"]),
            "CDS_Type": chance.choice(["130", "130", "140", "005"]),
            "Unique_CDS_Identifier": f"BRR8{n // 3:010d}",
        }
        found.append(row | changes)
    return found


@pytest.mark.parametrize("seed", [2, 3])
def test_records_that_the_landing_rules_know_are_landed_as_the_oracle_says(landed, seed):
    intake, records, rows = landed(written(ruled_rows(ROWS, seed=seed)))

    judge(intake, "SUS_APC", records, rows)
    assert {row["identity_withheld"] for row in rows} == {True, False}
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert report["totals"]["withheld"] == sum(row["identity_withheld"] for row in rows)
    assert report["totals"]["quarantined"] == 0


def test_the_published_sample_is_landed_as_it_is_and_without_any_nhs_number_in_clear(landed):
    """NHS numbers of several ranges, own and others', also inside accession numbers."""
    if not SAMPLE.is_file():
        pytest.skip(f"the published sample is not at {SAMPLE}")

    intake, records, rows = landed(SAMPLE.read_bytes(), "DIDS", "2016-07/2017-03")

    assert len(rows) == 495
    judge(intake, "DIDS", records, rows)
    own = {record["NHS_NUMBER"] for record in records}
    for row in rows:
        for cell in row.values():
            text = str(cell)
            assert not any(number in text for number in own)
            windows = [text[at : at + 10] for at in range(len(text))] if text is cell else []
            assert not any(map(oracle.is_nhs_number, windows))


def test_nothing_of_a_file_is_on_any_disk_in_clear(landed):
    """Uploads, quarantine, editions, databases, keys: no number, date of birth or local id."""
    secrets = [b"9990000018", b"1970-01-31", b"S70 1AA", b"L7777777"]
    rows = [sus_row(Local_Patient_ID="L7777777"), sus_row(Sex="7"), sus_row()]
    intake, _, found = landed(written(rows))

    assert len(found) == 2
    for path in intake.directory.rglob("*"):
        if path.is_file() and "maps" not in path.parts:
            content = path.read_bytes()
            assert not [secret for secret in secrets if secret in content], path


def test_the_same_person_has_one_token_and_strangers_never_share_one(landed):
    rows = [
        sus_row(),
        sus_row(Local_Patient_ID="L2"),
        sus_row(NHS_Number="", Local_Patient_ID="L3"),
        sus_row(NHS_Number="", Local_Patient_ID="L4"),
        sus_row(NHS_Number="", Local_Patient_ID="L3"),
        sus_row(NHS_Number="", Local_Patient_ID="L3", Provider_Code="8J094"),
    ]
    _, _, found = landed(written(rows))

    people = [(row["person_0"], row["person_1"]) for row in found]
    assert people[0] == people[1]
    assert people[2] == people[4]
    assert len({people[0], people[2], people[3], people[5]}) == 4


@pytest.mark.scenario("R15")
def test_a_spell_number_that_holds_the_patients_nhs_number_is_never_landed_in_clear(landed):
    row = sus_row(
        Hospital_Spell_No="RAX9990000018-2",
        Der_Diagnosis_All="RAX9990000018-2 AB1",
    )
    intake, _, (found,) = landed(written([row]))

    assert found["pcd_masked"]
    assert "Hospital_Spell_No" not in found
    assert found["Der_Diagnosis_All"] == "RAX_<NHS_No>_-2 AB1"
    assert not any(re.search("9990000018", str(cell)) for cell in found.values())
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert report["masked_cells"] == 1


def test_one_provider_in_three_spellings_is_one_in_tokens_and_reasons(landed):
    """Ruling 23: of two spellings one person would get two tokens."""
    rows = [
        sus_row(NHS_Number="", Unique_CDS_Identifier=f"B{n}", Provider_Code=code, **more)
        for n, (code, more) in enumerate(
            [
                ("RR8", {"Commissioner_Code": "02P"}),
                ("RR800", {"Commissioner_Code": "02P00"}),
                ("RR801", {"Commissioner_Code": "13Q"}),
                ("89997", {"Commissioner_Code": "VPP00", "Org_Code_Res_Resp": "X98"}),
            ]
        )
    ]
    intake, _, found = landed(written(rows))

    assert len({(row["person_0"], row["person_1"]) for row in found}) == 1
    assert [row["reason_p"] for row in found] == ["RR8", "RR8", "RR8", None]
    assert [row["reason_c"] for row in found] == ["02P", "02P", "X24", None]
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert report["default_codes"] == [
        {"column": "Commissioner_Code", "meaning": "private_or_overseas_liable", "rows": 1},
        {"column": "Org_Code_Res_Resp", "meaning": "commissioner_not_applicable", "rows": 1},
        {"column": "Provider_Code", "meaning": "provider_outside_uk", "rows": 1},
    ]


def test_rows_of_a_provider_for_whom_there_is_no_right_are_set_aside(intake):
    codes = ["RR8", "RR801", "8J094", "R0A", "R0A00", "Y00500"]
    rows = [sus_row(Unique_CDS_Identifier=f"B{n}", Provider_Code=c) for n, c in enumerate(codes)]
    done = intake.submit(written(rows))

    assert done["state"] == "accepted"
    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert (report["totals"]["landed"], report["totals"]["quarantined"]) == (3, 3)
    entries = intake.get(f"/v1/submissions/{intake.last}/quarantine").json()["items"]
    assert [(e["line"], e["column"], e["code"]) for e in entries] == [
        (line, "Provider_Code", "PROVIDER_WITHOUT_RIGHT") for line in (5, 6, 7)
    ]


def test_a_record_that_is_in_a_file_again_is_told_to_its_sender(intake):
    rows = [sus_row(), sus_row(Sex="2"), sus_row(Unique_CDS_Identifier="B2"), sus_row()]
    intake.submit(written([*rows, sus_row(Provider_Code="8J094")]))

    report = intake.get(f"/v1/submissions/{intake.last}/report").json()
    assert report["totals"]["landed"] == 5
    assert report["repeated_records"] == 2
