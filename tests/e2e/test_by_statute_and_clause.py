"""What one kind of organisation alone may have, over four processes, from application to file.

A local authority has who of its residents died, by statute (domain.md ruling 14); NHS England links
drugs with the stays that they are about, by a clause (domain.md 6.12). Both are refused to a CCG.
A local authority and a CCG have what was done for the people of either, together (ruling 30).
"""

import csv
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any, Final

import pytest

from dsfc_cli.demo.answers import Flow, Sections, Wanted, sections_of
from dsfc_cli.demo.material import COMMISSIONER
from dsfc_cli.demo.stage import ORGANISATIONS, identity_of
from dsfc_cli.synthetic import generate
from dsfc_client import Extract, Refused
from tests.running import APRIL, CSU, DATA_SET, DAYS, DEADLINE_SECONDS, Scene, scene

pytestmark = [pytest.mark.long, pytest.mark.xdist_group("statute"), pytest.mark.timeout(300)]

COUNCIL, ENGLAND = "E08000016", "13Q"
WEEK, MONDAY, SUNDAY = "2018-W15", date(2018, 4, 9), date(2018, 4, 15)
IDENTITY: Final = dict.fromkeys(("NHS_NUMBER", "PERSON_BIRTH_DATE", "POSTCODE"), "identified")
DRUGS: Final = {"DRUG_NAME": "as_is", "UNIQUE_CDS_IDENTIFIER": "pseudonym"}
STAYS: Final = {
    "Unique_CDS_Identifier": "pseudonym",
    "Treatment_Function_Code": "as_is",
    "Der_Spell_Episodes": "derived",
}
SERVICE, STAY = "SERVICE CODE", "CDS UNIQUE IDENTIFIER"


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with scene(tmp_path_factory, "statute") as running:
        yield running


def flow(data_set: str, fields: Mapping[str, str], **more: Any) -> Flow:
    said = {"first_month": APRIL, "last_month": APRIL, "reasons": ()} | more
    return Flow(data_set=data_set, fields=fields, **said)


def sent(played: Scene, data_set: str, period: str, path: Path) -> None:
    provider = played.stage.actor("provider-r0a").pseudonymisation
    done = provider.wait(provider.submit(data_set, period, path).id, timeout_seconds=120)
    assert done.state.lower() == "accepted", done


def released(played: Scene, reference: str, wanted: Flow) -> list[dict[str, str]]:
    """Ask for all of a line, and read the file."""
    return file_of(played, extract(played, reference, wanted))


def extract(played: Scene, reference: str, wanted: Flow) -> Extract:
    door = played.csu.dissemination
    body = played.body(
        agreement=reference,
        purpose=wanted.purpose,
        data_set=wanted.data_set,
        classification=wanted.classification,
        fields=list(wanted.fields),
    )
    done = door.wait(door.request(body).id, timeout_seconds=DEADLINE_SECONDS)
    assert done.state.upper() == "RELEASED", done
    return done


def file_of(played: Scene, done: Extract) -> list[dict[str, str]]:
    target = played.state.parent / f"{done.id}.csv"
    played.csu.dissemination.download(done.files[0].id, target)
    return rows_of(target)


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def refused(played: Scene, asked: Wanted, sections: Sections) -> set[str]:
    """Say by which codes an application is refused before anybody signs it."""
    application = played.stage.apply(asked, "Not for a CCG", sections)
    with pytest.raises(Refused) as told:
        played.stage.applicant(asked.controller).act(application, "submission")
    return set(told.value.codes)


def of_the_dead(played: Scene, ods: str) -> tuple[Wanted, Sections]:
    one = flow(
        "CIVIL_DEATHS",
        IDENTITY | {"SEX": "as_is"},
        purpose="OTHER",
        reasons=("L",),
        classification="IDENTIFIABLE",
        sensitivity="SENSITIVE",
    )
    asked = played.wanted(ods, CSU, one)
    sections = sections_of(asked)
    (line,) = sections[7]["lines"]
    line["dissemination_power"] = "s261_5_d"
    sections[7]["identifiable_justification"] = "The statute is about who of them died."
    sections[8]["lines"] = [{"line": 1, "applied": False, "reason": "exemption"}]
    law = "Statistics and Registration Service Act 2007 s42(4)"
    sections[16]["lines"] = [{"line": 1, "route": "other_law", "evidence": law}]
    return asked, sections


def test_a_council_has_by_statute_who_of_its_residents_died_and_nobody_else(
    played: Scene, tmp_path: Path
) -> None:
    world, stage = played.world, played.stage
    file = tmp_path / "deaths.csv"
    days = {"first": MONDAY, "last": SUNDAY}
    generate("CIVIL_DEATHS", rows=120, seed=4, world=world, path=file, on=stage.today, **days)
    sent(played, "CIVIL_DEATHS", WEEK, file)
    stage.admit(COUNCIL)
    stage.relate(COUNCIL, CSU)
    asked, sections = of_the_dead(played, COUNCIL)
    reference = stage.in_force(asked, "Deaths of residents", sections)
    authority = dict(zip(world.postcodes, world.areas["local_authority"], strict=True))
    residents = [row for row in rows_of(file) if authority.get(row["POSTCODE"]) == COUNCIL]
    objectors = tmp_path / "objectors.csv"
    objectors.write_text("".join(f"{row['NHS_NUMBER']}\n" for row in residents[:3]))
    operator = stage.actor("dscro-operator").pseudonymisation
    assert operator.import_opt_outs(objectors, stage.today.isoformat()).state == "accepted"

    done = extract(played, reference, asked.flows[0])

    found = file_of(played, done)
    assert done.opt_outs is not None
    assert done.opt_outs.ground is not None
    assert (done.opt_outs.applied, done.opt_outs.ground.by) == (False, "statute")
    assert "s42(4)" in done.opt_outs.ground.reason
    columns = [*IDENTITY, "SEX"]
    assert 0 < len(residents) < len(rows_of(file))
    assert Counter(tuple(row[name] for name in columns) for row in found) == Counter(
        tuple(row[name] for name in columns) for row in residents
    )
    assert {row["Reason_For_Access"] for row in found} == {f"L:{COUNCIL}"}
    public = [line.model_dump() for line in played.csu.dissemination.register()]
    (line,) = [line for line in public if str(line["reference"]).startswith(reference)]
    assert (line["data_set"], line["classification"]) == ("CIVIL_DEATHS", "Identifiable")
    assert ORGANISATIONS[COUNCIL][0] in line["controllers"]
    assert line["status"] == "current"


def test_a_council_and_a_ccg_have_the_people_of_either_together(played: Scene) -> None:
    """Ruling 30: residents of the one, and patients of the practices of the other."""
    stage, world = played.stage, played.world
    stage.admit(COUNCIL)
    for ods in (COUNCIL, COMMISSIONER):
        stage.relate(ods, CSU)
    columns = dict.fromkeys(("Sex", "Provider_Code", "Admission_Method"), "as_is")
    asked = played.wanted(COMMISSIONER, CSU, flow(DATA_SET, columns, reasons=("G", "L")))
    reference = jointly_in_force(played, asked, COUNCIL)

    found = released(played, reference, asked.flows[0])

    practice = dict(zip(world.practices, world.practice_commissioners, strict=True))
    home = dict(zip(world.postcodes, world.areas["local_authority"], strict=True))
    expected: Counter[tuple[str, ...]] = Counter()
    for row in april(played):
        reasons = [
            f"{letter}:{code}"
            for letter, code, whose in (
                ("G", COMMISSIONER, practice.get(row["GP_Practice_Code"])),
                ("L", COUNCIL, home.get(row["Postcode"])),
            )
            if whose == code
        ]
        if reasons:
            expected[";".join(reasons), *(row[name] for name in columns)] += 1
    assert {reasons for reasons, *_ in expected} == {
        f"G:{COMMISSIONER}",
        f"L:{COUNCIL}",
        f"G:{COMMISSIONER};L:{COUNCIL}",
    }
    assert expected == Counter(
        tuple(row[name] for name in ("Reason_For_Access", *columns)) for row in found
    )


def jointly_in_force(played: Scene, asked: Wanted, other: str) -> str:
    """Bring an agreement of two controllers into force, which both sign."""
    sections, stage = sections_of(asked), played.stage
    (first,), (evidence, _), (registration, _) = (
        sections[2]["controllers"],
        sections[5]["evidence"],
        sections[6]["registrations"],
    )
    sections[2]["controllers"].append(first | {"ods": other, "legal_name": ORGANISATIONS[other][0]})
    sections[5]["evidence"].append(evidence | {"ods": other})
    sections[6]["registrations"].append(
        registration | {"ods": other, "number": f"Z00{other[-5:]:0>5}"}
    )
    (line,) = sections[7]["lines"]
    line["population"] |= {"rule": "union", "commissioners": [asked.controller, other]}
    application = stage.apply(asked, "Care of the people of both", sections)
    stage.applicant(asked.controller).act(application, "submission")
    stage.decide(application)
    reference = stage.drafted(application)
    body, controller, *rest = stage.signers(asked)
    both = [controller, (identity_of(other, "signatory"), other)]
    stage.sign(reference, [body, *both, *rest])
    return reference


def test_a_commissioner_does_not_get_as_far_as_a_signature_with_the_same_answers(
    played: Scene,
) -> None:
    asked, sections = of_the_dead(played, COMMISSIONER)

    assert {"IDENTITY_NOT_FOR_RECIPIENT", "IDENTITY_WITHOUT_ROUTE"} <= refused(
        played, asked, sections
    )


def with_stays(played: Scene, ods: str, services: Sequence[str]) -> tuple[Wanted, Sections]:
    asked = played.wanted(
        ods, CSU, flow("DRPLCM", DRUGS | {"SERVICE_CODE": "as_is"}), flow(DATA_SET, STAYS)
    )
    sections = sections_of(asked)
    drugs, _ = sections[7]["lines"]
    drugs["filters"] = [{"column": "SERVICE_CODE", "any_of": [*services]}]
    how = "One token for a person in both, and nothing else beside them."
    sections[10]["linkage"] = [
        {"data_sets": ["DRPLCM", DATA_SET], "key": "person", "mitigation": how}
    ]
    return asked, sections


def drugs_of_stays(played: Scene, path: Path) -> list[dict[str, str]]:
    """Make a month of drugs that names the stays of April that they were given in."""
    first, last = DAYS[APRIL]
    world, today = played.world, played.stage.today
    generate("DRPLCM", rows=400, seed=3, first=first, last=last, world=world, path=path, on=today)
    stays = {row["NHS_Number"]: row["Unique_CDS_Identifier"] for row in april(played)}
    found = [row | {STAY: stays.get(row["NHS NUMBER"] or "none", "")} for row in rows_of(path)]
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.DictWriter(lines, list(found[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(found)
    return found


def april(played: Scene) -> list[dict[str, str]]:
    return rows_of(played.input_of(APRIL))


def test_nhs_england_links_the_drugs_of_a_service_with_their_stays_by_its_clause(
    played: Scene, tmp_path: Path
) -> None:
    file = tmp_path / "drugs.csv"
    drugs = drugs_of_stays(played, file)
    sent(played, "DRPLCM", APRIL, file)
    often = Counter(row[SERVICE] for row in drugs if row[SERVICE])
    services = [code for code, _ in often.most_common(3)]
    played.stage.admit(ENGLAND)
    asked, sections = with_stays(played, ENGLAND, services)
    reference = played.stage.in_force(asked, "Drugs with their stays", sections)

    given, stays = (released(played, reference, one) for one in asked.flows)

    # Record by record: the drug, and what kind of stay it was given in, as both files say it.
    function = {
        row["Unique_CDS_Identifier"]: row["Treatment_Function_Code"] for row in april(played)
    }
    drug = "HIGH COST TARIFF EXCLUDED DRUG NAME"
    expected = Counter(
        (row[drug], function.get(row[STAY])) for row in drugs if row[SERVICE] in services
    )
    by_record = {row["Unique_CDS_Identifier"]: row for row in stays}
    linked = [(row, by_record.get(row["UNIQUE_CDS_IDENTIFIER"])) for row in given]
    assert (
        Counter((r["DRUG_NAME"], s and s["Treatment_Function_Code"]) for r, s in linked) == expected
    )
    # Each stay says how many episodes its spell has, as the month's file counts them.
    spells = Counter((row["Provider_Code"], row["Hospital_Spell_No"]) for row in april(played))
    assert set(spells.values()) == {1, 2}
    assert Counter(int(row["Der_Spell_Episodes"]) for row in stays) == Counter(
        spells[row["Provider_Code"], row["Hospital_Spell_No"]] for row in april(played)
    )
    # And by person: one token in both, where the number is known.
    same = [row["Token"] == stay["Token"] for row, stay in linked if stay is not None]
    assert same
    assert all(same)


def test_a_commissioner_may_not_link_them(played: Scene) -> None:
    asked, sections = with_stays(played, COMMISSIONER, ["NCBPS01C"])

    assert "LINKAGE_NOT_FOR_RECIPIENT" in refused(played, asked, sections)


def paired_with(other: str) -> list[dict[str, Any]]:
    """The clause by which pseudonyms may be paired with those of the other agreement."""
    how = "One team, in one environment; the file is kept apart from both."
    return [
        {
            "data_sets": [DATA_SET],
            "key": "bridging_file",
            "agreement": other,
            "from": "2018-04-01",
            "mitigation": how,
        }
    ]


def test_pseudonyms_of_two_agreements_are_paired_once_by_a_clause_of_both(played: Scene) -> None:
    """Two agreements of one CSU name each other; whose pseudonyms go together is said by a file."""
    stage, columns = played.stage, {"Der_Spell_Episodes": "derived"}
    asked = played.wanted(COMMISSIONER, CSU, flow(DATA_SET, columns, reasons=("G",)))
    applicant, officer = stage.applicant(COMMISSIONER), stage.actor("body-case-officer")
    waiting = stage.apply(asked, "The one")
    applicant.act(waiting, "submission")
    first = applicant.application(waiting).reference
    officer.applications.act(waiting, "review")
    officer.applications.act(
        waiting, "return", {"queries": [{"standard": 10, "text": "Linked with which other one?"}]}
    )
    sections = sections_of(asked)
    sections[10]["linkage"] = paired_with(first)
    second = stage.in_force(asked, "The other", sections)
    sections[10]["linkage"] = paired_with(second)
    applicant.answer(waiting, 10, sections[10])
    applicant.act(waiting, "submission", {"answers": [{"query": "1", "answer": f"With {second}."}]})
    stage.decide(waiting)
    assert stage.drafted(waiting) == first
    door = played.csu.dissemination
    wanted = {
        "agreement": first,
        "purpose": "COM",
        "data_set": DATA_SET,
        "bridge": {"agreement": second, "purpose": "COM", "data_set": DATA_SET},
        "periods": [APRIL],
        "formats": ["csv"],
    }
    with pytest.raises(Refused) as unsigned:
        door.bridge(wanted)
    assert "DSA_NOT_ACTIVE" in unsigned.value.codes
    stage.sign(first, stage.signers(asked))

    done = door.wait_for_bridging_file(door.bridge(wanted).id)
    target = played.state.parent / "pairs.csv"
    door.download(done.files[0].id, target)

    pairs = [(row["Token"], row["Other_Token"]) for row in rows_of(target)]
    one, other = (
        {row["Token"] for row in released(played, reference, asked.flows[0])}
        for reference in (first, second)
    )
    assert one.isdisjoint(other)
    # Everybody with a number is in both, once; who has none is paired with nobody.
    assert {own for own, _ in pairs} == {token for token in one if token.startswith("P")}
    assert {far for _, far in pairs} == {token for token in other if token.startswith("P")}
    assert len(pairs) == len(set(pairs)) == len({own for own, _ in pairs}) > 0
    assert len(one) > len(pairs)
    manifest = door.manifest(done.files[0].id).manifest
    assert manifest["bridge"]["agreement"]["reference"] == second
    (line,) = [line for line in door.register() if str(line.reference) == first and line.bridged]
    assert line.bridged == f"{DATA_SET} for COM under {second}"
    with pytest.raises(Refused) as again:
        door.bridge(wanted)
    assert again.value.codes == ["BRIDGING_FILE_GIVEN"]
