"""The data sets as data: what is published, and what a wrong file is told."""

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest

import catalogue
from catalogue import FieldClass, InvalidDataSet, Treatment, load, store

MINIMAL = """
data_set: TINY
version: "1.0"
title: Tiny
description: A data set of two columns.
source: this test
valid_from: 2018-04-01
grain: row
sensitivity: NON_SENSITIVE
periods: {unit: month, from: "2018-04", field: SEEN}
refresh: replaced
publication_gate: false
disclosure_rule: HES
person: {nhs_number: NHS}
population:
  S: {source: submitter}
fields:
  - {name: NHS, class: DI, identifier: nhs_number, check: nhs_number}
  - {name: SEEN, class: QI, type: date, treatments: [month], mandatory: true}
"""

RICH = (
    MINIMAL.replace("person: {nhs_number: NHS}", "person: {nhs_number: NHS, postcode: HOME}")
    + """
  - {name: HOME, class: DI, identifier: postcode, check: postcode}
  - {name: BORN, class: DI, identifier: date_of_birth, type: date}
  - {name: STAY, class: LI, identifier: local, treatments: [pseudonym]}
  - {name: NOTE, class: CLIN, scan: true, treatments: [as_is]}
  - {name: COST, class: ADM, type: decimal, treatments: [as_is]}
derived:
  - {name: AGE, type: integer, from: BORN, at: SEEN, derivation: age_years}
  - {name: SECTOR, from: HOME, derivation: postcode_sector}
"""
)


def test_the_published_data_sets_are_there() -> None:
    assert {d.data_set for d in catalogue.load()} >= {"SUS_APC", "DIDS"}


@pytest.mark.parametrize("name", ["SUS_APC", "DIDS"])
def test_a_data_set_is_found_by_its_digest(name: str) -> None:
    data_set = catalogue.load().get(name)

    assert catalogue.load().by_digest(data_set.digest) == data_set


def test_an_unknown_digest_is_refused() -> None:
    with pytest.raises(catalogue.UnknownDataSet):
        catalogue.load().by_digest("sha256:" + "0" * 64)


def test_the_layout_of_dids_is_the_published_one() -> None:
    sample = Path(__file__).parents[4] / "shared" / "data" / "dids_sample_495.csv"
    if not sample.exists():
        pytest.skip("the published sample is not beside this checkout")

    header = sample.read_text(encoding="utf-8").splitlines()[0].split(",")

    assert [f.name for f in catalogue.load().get("DIDS").fields] == header


def seconds_of(data_set: catalogue.DataSet) -> set[str]:
    """Columns with the number of a second person, who leaves as a token of a kind of its own."""
    tables = {table.table: table for table in data_set.tables}
    return {
        f"{group.group}.{tables[group.other].person.nhs_number}"
        for group in data_set.groups
        if group.other
    }


def test_no_direct_identifier_can_leave_but_by_a_legal_route_that_its_data_set_names() -> None:
    by_law, by_token, by_support = set(), set(), set()
    for data_set in catalogue.load():
        for field in data_set.fields:
            if field.name in seconds_of(data_set):
                assert field.treatments == (Treatment.PSEUDONYM,)
                by_token.add(data_set.data_set)
            elif field.class_ == "DI" and not data_set.identified_by:
                assert field.treatments == ()
            elif field.class_ == "DI":
                assert set(field.treatments) <= {Treatment.IDENTIFIED}
                if data_set.identified_by != ("section_251",):
                    by_law.add(data_set.data_set)
                elif field.treatments:  # of invoices: the number, and nothing else of a person
                    assert field.name == data_set.person.nhs_number
                    by_support.add(data_set.data_set)
            else:
                assert Treatment.IDENTIFIED not in field.treatments
    assert by_law == {"CIVIL_DEATHS", "CIVIL_BIRTHS", "RISK_SCORES"}
    assert by_token == {"MSDS"}
    of_bills = {"PLCM", "DRPLCM", "DEPLCM"}
    assert by_support == {"SUS_APC", "SUS_APCS", "SUS_OP", "SUS_AE", "ECDS", *of_bills}


@pytest.mark.parametrize(
    ("routes", "field", "problem"),
    [
        ("", "{name: X, class: DI, identifier: local, treatments: [identified]}", "no legal route"),
        ("[other_law]", "{name: X, class: DI, identifier: local}", "no column leaves as"),
        ("[because]", "{name: X, class: DI, identifier: local, treatments: [identified]}", "Input"),
        (
            "[other_law]",
            "{name: X, class: LI, identifier: local, treatments: [identified]}",
            "by a",
        ),
        ("[other_law]", "{name: X, class: QI, treatments: [identified]}", "only a direct"),
    ],
)
def test_identity_leaves_by_a_route_that_is_named_beside_it(
    tmp_path: Path, routes: str, field: str, problem: str
) -> None:
    path = tmp_path / "TINY-1.0.yaml"
    said = MINIMAL.replace("fields:\n", f"fields:\n  - {field}\n")
    path.write_text((f"identified_by: {routes}\n" if routes else "") + said, "utf-8")

    assert any(problem in p.detail for p in catalogue.check(path)), catalogue.check(path)


def test_hidden_location_detail_never_leaves() -> None:
    apc = catalogue.load().get("SUS_APC")

    assert apc.releasable("Der_Postcode_Grid_Easting").treatments == ()
    assert apc.releasable("Der_Provider_Patient_Distance_Miles").treatments == ()


def test_a_derived_column_names_its_source() -> None:
    made = catalogue.load().get("DIDS").releasable("AGE_AT_TEST")

    assert (made.source, made.treatments) == ("PERSON_BIRTH_DATE", (Treatment.DERIVED,))


def test_a_repeated_field_is_written_out() -> None:
    names = {f.name for f in catalogue.load().get("SUS_APC").fields}

    assert {"Der_Secondary_Diagnosis_Code_1", "Der_Secondary_Diagnosis_Code_23"} <= names


def test_adding_a_data_set_is_adding_a_file(tmp_path: Path) -> None:
    (tmp_path / "TINY-1.0.yaml").write_text(MINIMAL, encoding="utf-8")

    assert catalogue.load(tmp_path).get("TINY").title == "Tiny"


def test_the_digest_counts_what_is_said_and_not_how() -> None:
    again = "# a comment\n" + MINIMAL.replace("{name: NHS, class: DI,", "{class: DI, name: NHS,")

    assert catalogue.read(again, name="b").digest == catalogue.read(MINIMAL, name="a").digest


def test_another_word_is_another_digest() -> None:
    other = MINIMAL.replace("treatments: [month]", "treatments: [year]")

    assert catalogue.read(other, name="b").digest != catalogue.read(MINIMAL, name="a").digest


def test_a_published_file_that_was_edited_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from catalogue import store

    digests = json.loads(
        (Path(store.__file__).parent / "data_sets" / store.DIGESTS).read_text("utf-8")
    )
    monkeypatch.setattr(json, "loads", lambda *_: digests | {"DIDS-1.0.yaml": "sha256:00"})

    with pytest.raises(catalogue.InvalidDataSet, match="differs from what was published"):
        store._published.__wrapped__(Path(catalogue.__file__).parent)


@pytest.mark.parametrize(
    ("was", "is_now", "says"),
    [
        ("data_set: TINY", "data_set: tiny", "data_set"),
        ("title: Tiny", "title: Tiny\ncolour: red", "colour"),
        ("field: SEEN}", "field: UNSEEN}", "UNSEEN, which is not a field"),
        ("person: {nhs_number: NHS}", "person: {nhs_number: SEEN}", "person.nhs_number"),
        ("class: DI, identifier: nhs_number,", "class: DI,", "identifier type"),
        ("type: date, treatments: [month]", "treatments: [month]", "only a date"),
        ("name: SEEN, class", "name: nhs, class", "named twice"),
        ("name: SEEN, class", "name: Period, class", "reserved"),
        ("treatments: [month]", "pattern: '('", "regular expression"),
        ("treatments: [month]", "treatments: [derived]", "derived"),
        ("treatments: [month]", "treatments: [pseudonym]", "only an identifier"),
        ("{name: SEEN,", "{name: SEEN, repeat: [3, 1],", "fields/1/repeat"),
        ("fields:", "digest: x\nfields:", "computed, not given"),
        ("title: Tiny", "title: [", "not YAML"),
        ("S: {source: submitter}", "G: {source: practice}", "names a field"),
        ("refresh:", "valid_to: 2018-03-31\nrefresh:", "valid_to is before valid_from"),
        ('from: "2018-04"', 'from: "2018-04", to: "2018-03"', "`to` is before `from`"),
        (", mandatory: true", "", "periods.field must name a mandatory date"),
        ("S: {source: submitter}", "G: {source: practice, field: NHS}", "must name no identifier"),
        ("S: {source: submitter}", "H: {source: postcode, field: SEEN}", "must name a postcode"),
        ("fields:", "confidentiality: {field: SEEN, withheld: []}\nfields:", "withheld"),
        ("refresh: replaced", "refresh: final_at_publication", "nothing waits for that"),
        ("refresh:", "file: {delimiter: '\"'}\nrefresh:", "file/delimiter"),
    ],
)
def test_a_wrong_file_is_told_where_and_why(
    tmp_path: Path, was: str, is_now: str, says: str
) -> None:
    assert was in MINIMAL
    path = tmp_path / "TINY-1.0.yaml"
    path.write_text(MINIMAL.replace(was, is_now), encoding="utf-8")

    problems = catalogue.check(path)

    assert any(says in str(problem) for problem in problems), problems


@pytest.mark.parametrize(
    ("was", "is_now", "says"),
    [
        ("from: BORN,", "from: NOTE,", "derived.AGE must be made `from` a date"),
        ("at: SEEN", "at: NOTE", "`at` must name a date"),
        ("from: HOME,", "from: NOTE,", "derived.SECTOR must be made `from` a postcode"),
        ("postcode: HOME}", "postcode: NOTE}", "person.postcode must name"),
        ("postcode: HOME}", "date_of_birth: HOME}", "person.date_of_birth must name"),
        ("postcode: HOME}", "local_id: NOTE}", "person.local_id must name"),
        ("scan: true,", "pattern: '(?=A)[A-Z]',", "cannot look round"),
        ("scan: true,", "pattern: '(A)\\1',", "refer back"),
        ("scan: true,", "pattern: 'A++',", "possessive"),
        ("scan: true,", "scan: true, codes: ['1'],", "codes leave nothing"),
        ("scan: true,", "codes: [],", "fields/5/codes"),
        ("scan: true,", "check: not_in_future,", "not_in_future is checked in a date"),
        ("type: decimal,", "type: decimal, codes: ['1'],", "only text has"),
        ("treatments: [pseudonym]", "treatments: [as_is]", "STAY: an identifier leaves as"),
        ("type: decimal, treatments: [as_is]", "treatments: [as_is, as_is]", "named twice"),
        ("identifier: local,", "identifier: local, type: integer,", "local is a text"),
        ("identifier: date_of_birth, type: date", "identifier: date_of_birth", "is a date"),
    ],
)
def test_what_the_haven_could_not_land_or_release_is_found_in_the_file(
    tmp_path: Path, was: str, is_now: str, says: str
) -> None:
    assert was in RICH
    path = tmp_path / "TINY-1.0.yaml"
    path.write_text(RICH.replace(was, is_now), encoding="utf-8")

    problems = catalogue.check(path)

    assert any(says in str(problem) for problem in problems), problems


def test_everything_that_is_wrong_with_a_field_is_told_at_once(tmp_path: Path) -> None:
    path = tmp_path / "TINY-1.0.yaml"
    wrong = RICH.replace("identifier: local, treatments: [pseudonym]", "type: date, codes: ['1']")
    path.write_text(wrong, encoding="utf-8")

    [problem] = catalogue.check(path)

    assert "only text has" in problem.detail
    assert "have an identifier type" in problem.detail


@pytest.mark.parametrize("pattern", [r"^[A-Z]\++$", "^(?:A|B){1,3}$", "^(?P<n>[0-9])$"])
def test_a_pattern_that_the_engine_knows_is_right(tmp_path: Path, pattern: str) -> None:
    path = tmp_path / "TINY-1.0.yaml"
    path.write_text(RICH.replace("scan: true,", f"pattern: '{pattern}',"), encoding="utf-8")

    assert catalogue.check(path) == []


def test_a_file_that_is_no_text_is_told_so(tmp_path: Path) -> None:
    path = tmp_path / "TINY-1.0.yaml"
    path.write_bytes(b"\xff\xfe")

    assert [p.detail for p in catalogue.check(path)] == ["is not UTF-8"]


def test_a_right_file_has_no_problems(tmp_path: Path) -> None:
    path = tmp_path / "TINY-1.0.yaml"
    path.write_text(MINIMAL, encoding="utf-8")

    assert catalogue.check(path) == []


@pytest.fixture
def published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The published files in a directory of the test's own, which is the package's meanwhile."""
    copy = tmp_path / "catalogue"
    shutil.copytree(Path(str(resources.files("catalogue"))), copy)
    monkeypatch.setattr(store, "files", lambda _: copy)
    store.forget()
    yield copy
    store.forget()


def next_version(published: Path, **changes: str) -> str:
    text = (published / "data_sets" / "DIDS-1.0.yaml").read_text("utf-8")
    return text.replace('version: "1.0"', f'version: "{changes.get("version", "9.0")}"')


def test_a_file_without_its_digest_is_named_with_what_to_do(published):
    file = published / "data_sets" / "DIDS-9.0.yaml"
    file.write_text(next_version(published), "utf-8")

    with pytest.raises(InvalidDataSet, match=r"DIDS-9\.0\.yaml.*digests\.json.*catalogue add"):
        load()


def test_adding_writes_the_digest_and_the_file_is_served(published, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(next_version(published), "utf-8")

    target = catalogue.add(file)
    again = catalogue.add(target)

    assert target == again == published / "data_sets" / "DIDS-9.0.yaml"
    assert load().get("DIDS").version == "9.0"


def test_a_published_file_is_not_added_again_with_another_content(published, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text(next_version(published, version="1.0").replace("imaging", "other"), "utf-8")
    digests = (published / "data_sets" / "digests.json").read_bytes()

    with pytest.raises(InvalidDataSet, match="new version"):
        catalogue.add(file)

    assert (published / "data_sets" / "digests.json").read_bytes() == digests


def test_what_does_not_fit_is_not_added_and_leaves_nothing(published, tmp_path):
    file = tmp_path / "rules.yaml"
    rules = (published / "landing_rules" / "DIDS-1.yaml").read_text("utf-8")
    file.write_text(rules.replace("data_set: DIDS", "data_set: NOWHERE"), "utf-8")
    before = sorted(p.name for p in published.rglob("*"))
    digests = (published / "landing_rules" / "digests.json").read_bytes()

    with pytest.raises(InvalidDataSet, match="no such data set"):
        catalogue.add(file)

    assert sorted(p.name for p in published.rglob("*")) == before
    assert (published / "landing_rules" / "digests.json").read_bytes() == digests
    assert load().get("DIDS").version == "1.3"


@pytest.mark.parametrize(
    ("written", "problem"),
    [
        ("{name: X, class: STAFF, identifier: staff}", "has a pattern"),
        ("{name: X, class: STAFF, identifier: staff, length_max: 13, pattern: A}", "at most 12"),
        ("{name: X, class: LI, identifier: local, length_max: 8, pattern: A}", "as a pseudonym"),
    ],
)
def test_of_identifiers_only_short_codes_of_staff_may_leave_as_they_are(
    tmp_path: Path, written: str, problem: str
) -> None:
    """Guard: `CatalogueField._of_the_identifier` (ruling 13)."""
    path = tmp_path / "TINY-1.0.yaml"
    field = written.replace("}", ", treatments: [as_is]}")
    path.write_text(MINIMAL.replace("fields:\n", f"fields:\n  - {field}\n"), "utf-8")

    assert any(problem in p.detail for p in catalogue.check(path))


@pytest.mark.parametrize("name", ["SUS_APC", "DIDS"])
def test_a_version_with_codes_of_staff_is_served_by_what_the_version_before_it_landed(
    name: str,
) -> None:
    former, later = load().get(name, "1.0"), load().get(name, "1.1")
    staff = [f.name for f in later.fields if f.class_ is FieldClass.STAFF]

    assert staff
    assert all(later.by_name[one].treatments == ("pseudonym", "as_is") for one in staff)
    assert all(former.by_name[one].treatments == ("pseudonym",) for one in staff)
    assert former.serves(later, later.releasables)
    assert later.serves(former, former.releasables)


@pytest.mark.parametrize(
    ("month", "version"),
    [("2019-03", "1.2"), ("2021-05", "1.2"), ("2021-06", "2.1"), ("1999-01", "2.1")],
)
def test_the_version_of_a_month_is_the_newest_that_has_it(month: str, version: str) -> None:
    assert load().for_period("GPW", month).version == version


@pytest.mark.parametrize("name", ["SUS_APC", "DIDS"])
def test_the_version_with_meanings_of_codes_differs_by_them_alone(name: str) -> None:
    former, later = load().get(name, "1.1"), load().get(name, "1.2")
    labelled = [f.name for f in later.fields if f.labels]

    assert labelled == [f.name for f in later.fields if f.codes]
    assert former.serves(later, later.releasables)
    assert later.serves(former, former.releasables)
    without = {"version", "digest", "fields"}
    assert former.model_dump(exclude=without) == later.model_dump(exclude=without)
    for one, other in zip(former.fields, later.fields, strict=True):
        assert one.model_dump(exclude={"labels"}) == other.model_dump(exclude={"labels"})


@pytest.mark.parametrize("name", ["SUS_APC", "DIDS"])
def test_the_version_with_areas_is_the_one_before_it_and_areas_of_the_same_postcode(
    name: str,
) -> None:
    former, later = load().get(name, "1.2"), load().get(name, "1.3")
    added = later.derived[len(former.derived) :]

    assert later.fields == former.fields
    assert later.derived[: len(former.derived)] == former.derived
    assert {made.source for made in added} == {later.person.postcode}
    assert len(added) == 7
    assert dict(later.population) == dict(former.population) | {"L": later.population["L"]}
    assert later.serves(former, former.releasables)
    assert not former.serves(later, later.releasables)
