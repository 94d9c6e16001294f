"""Areas, deciles, residents and numbers of days, whichever way a row is landed (domain.md 8.3)."""

from datetime import date, timedelta
from uuid import UUID

import pytest

import catalogue
from catalogue import DataSet
from pseudonymisation.engine.objects import DirectoryObjects
from pseudonymisation.engine.session import EngineLimits
from pseudonymisation.intake.adapters.landing import landing
from pseudonymisation.intake.adapters.landing.judged.statement import DatedMap, LandingTask
from pseudonymisation.intake.adapters.landing.landing import LandingResources, land
from pseudonymisation.intake.adapters.landing.plain.judging import NotPlain
from services.pseudonymisation.tests.integration.test_plain_rows import EDITION, Haven
from services.pseudonymisation.tests.submitting import sus_row, written

AREAS = (
    "lsoa", "lsoa_2021", "msoa", "msoa_2021", "ward", "local_authority", "upper_local_authority",
)  # fmt: skip
HEADER = ",".join(("postcode", "commissioner", *AREAS))
FIRST_MONTH = {
    "S70 1AA": ("E38000006", "E01000001", "E01030001", "E02000001", "E02010001", "E05000001",
                "E08000016", "E08000016"),
    "NE61 1AA": ("00L", "E01000002", "", "E02000002", "", "E05000002", "E07000104", "E10000020"),
    "ZZ99 3VZ": ("02P", "E01000009", "E01000009", "E02000009", "E02000009", "E05000009",
                 "E06000009", "E06000009"),
}  # fmt: skip
"""The directory in force when the period begins; one that says too much of a default postcode."""
FROM_THE_15TH = {
    "S70 1AA": ("00L", "E01000007", "E01030007", "E02000007", "E02010007", "E05000007",
                "E08000017", "E08000017"),
}  # fmt: skip
DECILES = {"E01000001": "3", "E01000002": "10", "E01000007": "4"}
DECILES_FROM_THE_20TH = {"E01000007": "9"}
CODES = {"E38000006": "02P", "E08000016": "370", "E10000020": "805", "E07000104": "80D"}
FIFTEENTH, TWENTIETH = date(2018, 4, 15), date(2018, 4, 20)


def described() -> DataSet:
    """SUS_APC with every form of the directory, with residents, and with two numbers of days."""
    sus = catalogue.load().get("SUS_APC")
    said = sus.model_dump(by_alias=True)
    made = [
        {"name": f"x_{area}", "from": "Postcode", "derivation": area, "class": "QI"}
        for area in AREAS
    ]
    made += [
        {"name": "x_decile", "from": "Postcode", "derivation": "deprivation_decile",
         "class": "QI", "type": "integer"},
        {"name": "x_stay", "from": "Admission_Date", "at": "Discharge_Date", "derivation": "days",
         "type": "integer"},
    ]  # fmt: skip
    resident = {"L": {"source": "local_authority", "field": "Postcode"}}
    return DataSet.model_validate(
        said | {"derived": [*said["derived"], *made], "population": said["population"] | resident}
    )


@pytest.fixture
def haven(tmp_path) -> Haven:
    haven = Haven(tmp_path)
    haven.map("first", HEADER, [(p, *said) for p, said in sorted(FIRST_MONTH.items())])
    haven.map("second", HEADER, [(p, *said) for p, said in sorted(FROM_THE_15TH.items())])
    haven.map("deciles", "lsoa,decile", sorted(DECILES.items()))
    haven.map("deciles2", "lsoa,decile", sorted(DECILES_FROM_THE_20TH.items()))
    haven.map(
        "organisations", "code,entity,meaning,standing",
        [(code, entity, "", "open") for code, entity in sorted(CODES.items())],
    )  # fmt: skip
    return haven


def landed(haven: Haven, rows, way: str, *, later: bool = True) -> list[dict]:
    upload = f"uploads/{way}"
    content = written(rows)
    with haven.objects.writer(upload, haven.key(upload)) as writer:
        writer.write(content)
    data_set = described()
    rules, _ = catalogue.load().intake_of(catalogue.load().get("SUS_APC"), date(2018, 6, 1))
    maps = haven.directory / "maps"
    order = LandingTask(
        data_set=rules.taken_in(data_set),
        rules=rules,
        header=content.split(b"\n", 1)[0].decode(),
        first=date(2018, 4, 1),
        last=date(2018, 4, 30),
        today=date(2018, 6, 1),
        provider="RR8",
        providers=frozenset({"RR8"}),
        edition_id=UUID(int=EDITION.int),
        attempt=way,
        content_key=upload,
        quarantine_key=f"quarantine/{way}",
        object_key=f"editions/{way}.parquet",
        practice_map=maps / "practices.csv",
        postcode_map=maps / "first.csv",
        organisation_map=maps / "organisations.csv",
        later_postcode_maps=(DatedMap(FIFTEENTH, maps / "second.csv"),) if later else (),
        deprivation_maps=(
            DatedMap(date(2018, 4, 1), maps / "deciles.csv"),
            DatedMap(TWENTIETH, maps / "deciles2.csv"),
        )
        if later
        else (),
    )
    land(
        order,
        LandingResources(
            objects=DirectoryObjects(haven.directory / "objects"),
            key=haven.key,
            scratch=haven.directory / "scratch",
            limits=EngineLimits(memory_bytes=300_000_000, threads=2),
        ),
    )
    columns, *found = haven.table(way)
    return [dict(zip([name for name, _ in columns], row, strict=True)) for row in found]


def no_way_but_the_statement(*_):
    raise NotPlain


@pytest.fixture(params=["plain", "statement"])
def way(request, monkeypatch) -> str:
    if request.param == "statement":
        monkeypatch.setattr(landing, "PlainRows", no_way_but_the_statement)
    return request.param


def row_of(day: date, postcode: str, **changes: str) -> dict[str, str]:
    return sus_row(CDS_Activity_Date=day.isoformat(), Postcode=postcode) | changes


def expected(day: date, postcode: str) -> dict[str, object]:
    """What domain.md 8.3 and ruling 30 say of a record, slowly."""
    areas = (FROM_THE_15TH if day >= FIFTEENTH else FIRST_MONTH).get(postcode)
    home = FIRST_MONTH.get(postcode)
    if postcode.startswith("ZZ99"):
        areas = None
    found: dict[str, object] = {
        f"x_{area}": (areas[at] or None) if areas else None for at, area in enumerate(AREAS, 1)
    }
    deciles = DECILES_FROM_THE_20TH if day >= TWENTIETH else DECILES
    decile = deciles.get(areas[1]) if areas else None
    found["x_decile"] = int(decile) if decile else None
    found["reason_h"] = CODES.get(home[0], home[0]) if home else None
    lives = home if home and not postcode.startswith("ZZ99") else None
    found["reason_l"] = CODES[lives[6]] if lives else None
    found["reason_l_upper"] = CODES[lives[7]] if lives else None
    return found


def test_areas_go_by_the_day_of_the_record_and_residents_by_the_first_day_of_the_period(haven, way):
    """Each postcode on each day around the days on which maps change."""
    asked = [
        (date(2018, 4, 1) + timedelta(days=n), postcode)
        for n in (0, 13, 14, 15, 18, 19, 20, 29)
        for postcode in ("S70 1AA", "NE61 1AA", "ZZ99 3VZ", "W1A 1AA")
    ]

    found = landed(haven, [row_of(*one) for one in asked], way)

    for row, one in zip(found, asked, strict=True):
        wanted = expected(*one)
        assert {name: row[name] for name in wanted} == wanted, one


@pytest.mark.parametrize(
    ("first", "last", "days"),
    [
        ("2018-04-10", "2018-04-10", 0),
        ("2018-02-28", "2018-03-01", 1),
        ("2016-02-28", "2016-03-01", 2),
        ("2018-04-11", "2018-04-10", None),
        ("2018-04-11", "", None),
    ],
)
def test_a_number_of_days_is_from_one_date_to_the_other_and_none_backwards(
    haven, way, first, last, days
):
    row = sus_row(Admission_Date=first, Discharge_Date=last, Der_Spell_LoS="")

    found = landed(haven, [row], way, later=False)

    assert [one["x_stay"] for one in found] == [days]


def test_without_deciles_nobody_has_one(haven, way):
    [found] = landed(haven, [row_of(date(2018, 4, 20), "S70 1AA")], way, later=False)

    assert (found["x_lsoa"], found["x_decile"]) == ("E01000001", None)
