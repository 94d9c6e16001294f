"""The file of a local flow: a closed language, bounded, and nothing beyond what ours may say."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

import catalogue
from catalogue import DataSet, InvalidDataSet, UnknownDataSet
from catalogue.digests import digest_of
from catalogue.flows import (
    CatalogueWithFlows,
    Versions,
    example,
    flow_rules,
    is_local_flow,
    of_canonical,
    read_flow,
)
from catalogue.patterns import fits, problems

EXAMPLE = example()
COLUMN = "  - {name: Call_Category,"


def refused(text: str) -> str:
    with pytest.raises(InvalidDataSet) as told:
        read_flow(text)
    return str(told.value)


def with_column(column: str) -> str:
    return EXAMPLE.replace(COLUMN, f"  - {column}\n{COLUMN}")


def test_a_flow_is_a_data_set_and_its_digest_is_that_of_every_byte_that_is_kept() -> None:
    flow = read_flow(EXAMPLE)

    assert flow.data_set.data_set == "LPF_AMBULANCE_CONVEYANCES"
    assert flow.data_set.valid_from == date(2018, 4, 1)
    assert flow.data_set.digest == digest_of(json.loads(flow.content))
    assert of_canonical(flow.content, flow.data_set.digest) == flow.data_set


def test_comments_and_white_space_change_no_digest() -> None:
    assert read_flow(f"# of 2018\n{EXAMPLE}\n\n").content == read_flow(EXAMPLE).content


def test_the_categories_are_the_twelve_that_the_field_has() -> None:
    rules = flow_rules()

    assert len(rules.categories) == 12
    assert not any(is_local_flow(one.data_set) for one in catalogue.load())
    assert not any(one.category for one in catalogue.load())


@pytest.mark.parametrize("at", range(0, 1500, 97))
def test_a_changed_byte_under_a_digest_is_refused(at: int) -> None:
    flow = read_flow(EXAMPLE)
    changed = bytearray(flow.content)
    changed[at % len(changed)] ^= 1

    with pytest.raises(InvalidDataSet, match="does not have the digest"):
        of_canonical(bytes(changed), flow.data_set.digest)


def test_what_has_the_digest_and_is_no_flow_is_refused_too() -> None:
    """Whoever asked for a digest may have been told of one that nobody ever approved."""
    for content in (b"[1]", b"no", b'{"data_set":"SUS_APC"}', b"[" * 50_000):
        with pytest.raises(InvalidDataSet):
            of_canonical(content, f"sha256:{hashlib.sha256(content).hexdigest()}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("- a", "not a mapping"),
        ("a: [", "not YAML"),
        ("a: 2018-13-45", "a day that is none"),
        (f"{EXAMPLE}digest: sha256:0", "computed, not given"),
        (f"{EXAMPLE}title: again", "a key twice"),
        ("a: &x [1]\nb: *x", "anchor"),
        ("a: !!python/object/apply:os.system [ls]", "has a tag"),
        ("a: !!str 1", "has a tag"),
        ("1: a", "a key that is no text"),
        ("<<: {a: b}", "a key that is no text"),
        ("a: 1\n---\nb: 2", "several documents"),
        ("a: .nan", "a number that is not exact"),
        ("a: 123456789012345678901234567890", "a number that is not exact"),
        ("a: " + "[" * 200 + "]" * 200, "deeper than"),
        ("a: " + "[" * 60_000, "deeper than"),
        ("a: [" + "1," * 30_000 + "]", "more than 20000 entries"),
        ("a: " + "x" * 200_000, "more than 131072 bytes"),
        ("a: " + "x" * 2_000, "more than 1000 characters"),
        ("a: left\u202eright", "cannot be seen"),
        ('a: "x\\0y"', "cannot be seen"),
    ],
)
def test_what_is_not_plain_is_refused_before_it_is_read(text: str, told: str) -> None:
    assert told in refused(text)


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        ("LPF_AMB", "AMB", "is named LPF_"),
        ("category: AMBULANCE", "category: HELICOPTERS", "category: is one of ACUTE"),
        ("category: AMBULANCE\n", "", "category: is one of ACUTE"),
        ("disclosure_rule: CSDS", "disclosure_rule: HES", "are shown by CSDS"),
        ("person: {nhs_number: NHS_Number, local_id: Incident_Number, ", "person: {", "is known"),
        ("sensitivity:", "subjects: nobody\nsensitivity:", "person says who"),
        ("length_max: 10}", "length_max: 10, treatments: [identified]}", "names no legal route"),
        ("length_max: 10}", "length_max: 10, treatments: [pseudonym]}", "whom records are about"),
        (
            "class: DI, identifier: nhs_number, check: nhs_number, length_max: 10",
            "class: ADM, length_max: 10, pattern: '[0-9]{10}', treatments: [pseudonym]",
            "only an identifier becomes a pseudonym",
        ),
        ("name: Destination_Site", "name: 'Site; DROP TABLE x'", "should match pattern"),
        ("name: Destination_Site", "name: NHS_No, header: nhs-number", "that is DI (nhs_number)"),
        ("name: Destination_Site", "name: Provider__Code", "reserved for the landing"),
        ("fields:", "tables: []\nfields:", "each table says it of itself"),
        ("{unit: month,", "{unit: month, sql: 'SELECT 1',", "Extra inputs"),
        ("S: {source: submitter}", "S: {source: 'SELECT 1'}", "Input should be"),
        ("grain: conveyance", "file: {file_bytes_max: 99000000000000}\ngrain: c", "is at most"),
    ],
)
def test_a_flow_says_nothing_that_ours_may_not_say(was: str, becomes: str, told: str) -> None:
    assert was in EXAMPLE
    assert told in refused(EXAMPLE.replace(was, becomes))


def test_no_flow_gives_itself_a_legal_route_to_identities() -> None:
    stated = EXAMPLE.replace("sensitivity:", "identified_by: [consent]\nsensitivity:")
    told = refused(stated.replace("length_max: 10}", "length_max: 10, treatments: [identified]}"))

    assert "no local flow has a legal route" in told
    assert "no DI (nhs_number) leaves as identified" in told


@pytest.mark.parametrize(
    ("name", "what"), [("Date_Of_Birth", "date_of_birth"), ("Incident_Postcode", "postcode")]
)
def test_what_many_people_have_alike_leaves_as_no_token(name: str, what: str) -> None:
    """Since a baby's number leaves as a token, a birth date could: whoever knew one knew many."""
    was = next(line for line in EXAMPLE.splitlines() if line.startswith(f"  - {{name: {name},"))
    becomes = was.replace("}", ", treatments: [pseudonym]}")

    assert f"{name}: no DI ({what}) leaves as pseudonym" in refused(EXAMPLE.replace(was, becomes))


def test_a_text_that_leaves_is_shaped_or_looked_through() -> None:
    free = with_column("{name: Remarks, class: CLIN, length_max: 80, treatments: [as_is]}")

    assert "has codes or a pattern, or is a `scan`" in refused(free)
    assert read_flow(free.replace("treatments: [as_is]}", "scan: true, treatments: [as_is]}", 1))


TABLES = example(of_tables=True)
POPULATION = (
    "    population:\n      S: {source: submitter}\n      H: {source: postcode, field: Postcode}\n"
)


def test_a_flow_may_have_several_tables_and_two_people_in_a_row() -> None:
    flow = read_flow(TABLES)

    assert [*flow.data_set.by_group] == ["Mothers", "Visits", "Babies"]
    assert flow.data_set.by_group["Babies"].names_two
    assert flow.data_set.forms["Visits.Age_At_Visit"].is_age
    assert of_canonical(flow.content, flow.data_set.digest) == flow.data_set


@pytest.mark.parametrize(
    ("was", "becomes", "told"),
    [
        # What holds for a flow of one table holds for each of several.
        ("name: First_Child,", "name: First_Child, header: nhs number,", "that is DI (nhs_number)"),
        ("name: Outcome", "name: 'Outcome; DROP TABLE x'", "should match pattern"),
        ("length_max: 10}", "length_max: 10, treatments: [identified]}", "no legal route"),
        ("codes: [Y, N]", "length_max: 20", "has codes or a pattern, or is a `scan`"),
        ("      H: {source: postcode, field: Postcode}\n", "", None),
        (
            POPULATION,
            "",
            "Mothers: no table of it says for which commissioners a record is",
        ),
        (
            "    from: [{table: MOTHERS}]",
            "    subjects: nobody\n    from: [{table: MOTHERS}]",
            "is",
        ),
        # What a join can do wrong.
        ("joins: [VISITS, MOTHERS]", "joins: [VISITS]", "lose their person"),
        ("{table: VISITS, joins: [MOTHERS]}", "{table: VISITS}", "lose their person"),
        (
            "from: [{table: MOTHERS}]",
            "from: [{table: MOTHERS, joins: [VISITS]}]",
            "which would repeat rows (fan-out)",
        ),
        ("from: MOTHERS.Date_Of_Birth", "from: BABIES.Baby_Number", "do not stand side by side"),
        ("    other: BABIES\n", "", "have the people of BABIES, MOTHERS"),
    ],
)
def test_a_flow_of_tables_says_nothing_that_one_of_one_table_may_not(
    was: str, becomes: str, told: str | None
) -> None:
    assert was in TABLES
    changed = TABLES.replace(was, becomes)
    if told is None:
        assert read_flow(changed)
    else:
        assert told in refused(changed)


def test_a_group_of_nobody_has_no_number_of_anybody() -> None:
    """A table that only names whose its rows are is no table of people to the loader."""
    of_nobody = TABLES.replace(
        "  - group: Visits\n",
        "  - group: Rounds\n    grain: visit\n    subjects: nobody\n"
        "    from: [{table: VISITS}]\n    columns: {VISITS: [Visit_Minutes]}\n  - group: Visits\n",
    )

    told = refused(of_nobody)

    assert "Rounds: subjects is patients, whom Mother_Number would identify" in told


@pytest.mark.parametrize(
    ("word", "entry", "told"),
    [
        ("tables", {"table": "T{n}", "grain": "x", "fields": []}, "are more than 20"),
        ("groups", {"group": "G{n}", "grain": "x"}, "are more than 20"),
    ],
)
def test_more_tables_or_groups_than_a_flow_may_have_are_refused_unread(word, entry, told) -> None:
    content = json.loads(read_flow(TABLES).content)
    content[word] += [
        {k: v.format(n=n) if isinstance(v, str) else v for k, v in entry.items()} for n in range(30)
    ]

    assert f"{word}: {told}" in refused(json.dumps(content))


def test_columns_of_all_tables_are_counted_together() -> None:
    content = json.loads(read_flow(TABLES).content)
    for table in content["tables"]:
        table["fields"].append({"name": "W{n}", "repeat": [0, 199], "class": "ADM"})
    assert "more than 500 columns" in refused(json.dumps(content))

    content = json.loads(read_flow(TABLES).content)
    content["groups"][0]["columns"]["MOTHERS"] = ["First_Child"] * 600
    assert "more than 500 columns" in refused(json.dumps(content))


def test_a_number_that_is_another_kind_when_it_is_read_again_is_refused() -> None:
    content = json.loads(read_flow(EXAMPLE).content) | {"file": {"line_bytes_max": 2.0**53}}

    assert "not exact everywhere" in refused(json.dumps(content))


def test_ten_thousand_columns_are_refused_before_one_is_written_out() -> None:
    wide = with_column('{name: "Wide_{n}", repeat: [0, 999], class: ADM}')
    listed = "".join(
        f'  - {{name: "W{n}_{{n}}", repeat: [0, 999], class: ADM}}\n' for n in range(900)
    )

    assert "more than 500 columns" in refused(wide)
    assert "more than 500 columns" in refused(EXAMPLE.replace(COLUMN, f"{listed}{COLUMN}"))
    assert "must be [first, last]" in refused(wide.replace("999", "9999999999, 3"))


@pytest.mark.parametrize(
    "pattern",
    [
        "((a{1,100}){1,100}){1,100}",
        "(?=a)b",
        r"(a)\\1",
        "a{1001}",
        "a{99999999999999999999}",
        "[",
        "(" * 390,
        r"\\C",
        r"\\pN",
        "a" * 401,
    ],
)
def test_a_pattern_that_explodes_or_that_one_engine_alone_reads_is_refused(pattern: str) -> None:
    shaped = with_column(f'{{name: Shape, class: ADM, pattern: "{pattern}", treatments: [as_is]}}')

    assert "pattern" in refused(shaped)


def test_a_pattern_that_explodes_in_python_takes_time_that_grows_with_the_text_alone() -> None:
    """`re` needs some 2 to the 5000 steps to say no."""
    assert not list(problems("(a*)*b"))
    assert not fits("(a*)*b", "a" * 5_000)
    assert fits("(a*)*b", "a" * 5_000 + "b")
    assert not fits("a", "a\n")
    assert not fits(".*", "\ud800")


@given(st.text(max_size=200))
def test_any_text_is_read_or_refused(text: str) -> None:
    with pytest.raises(InvalidDataSet):
        read_flow(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
        max_leaves=12,
    ),
    st.sampled_from(["fields", "derived", "person", "population", "periods", "file", "lookups"]),
)
def test_anything_in_place_of_a_part_is_read_or_refused(part: object, word: str) -> None:
    content = json.loads(read_flow(EXAMPLE).content) | {word: part}
    try:
        found = read_flow(json.dumps(content))
    except InvalidDataSet:
        return
    assert of_canonical(found.content, found.data_set.digest) == found.data_set


@dataclass
class Kept:
    """Who keeps the flows, and what was asked."""

    approved: dict[str, dict[str, DataSet]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def versions(self, name: str) -> Versions:
        self.asked.append(name)
        return {version: one.digest for version, one in self.approved.get(name, {}).items()}

    def by_digest(self, digest: str) -> DataSet | None:
        return next((one for one in self.kept() if one.digest == digest), None)

    def kept(self) -> Iterable[DataSet]:
        return [one for of in self.approved.values() for one in of.values()]


def test_the_fixed_files_come_first_and_nobody_is_asked_of_them() -> None:
    fixed, kept = catalogue.load(), Kept()
    known = CatalogueWithFlows(fixed.data_sets, fixed.landing_rules, kept)

    assert known.get("DIDS") == fixed.get("DIDS")
    assert known.for_period("GPW", "2019-03") == fixed.for_period("GPW", "2019-03")
    assert known.by_digest(fixed.get("DIDS").digest) == fixed.get("DIDS")
    assert [*known] == [*fixed]
    assert kept.asked == []


def test_a_flow_is_known_by_name_version_period_and_digest_while_it_is_approved() -> None:
    fixed, kept = catalogue.load(), Kept()
    known = CatalogueWithFlows(fixed.data_sets, fixed.landing_rules, kept)
    flow = read_flow(EXAMPLE).data_set
    later = read_flow(EXAMPLE.replace('"1.0"', '"1.10"').replace('"2018-04"', '"2019-04"')).data_set
    asks: list[Callable[[], DataSet]] = [
        lambda: known.get(flow.data_set),
        lambda: known.get(flow.data_set, "1.0"),
        lambda: known.for_period(flow.data_set, "2018-06"),
        lambda: known.by_digest(flow.digest),
    ]

    for ask in asks:
        with pytest.raises(UnknownDataSet):
            ask()
    kept.approved = {flow.data_set: {"1.0": flow, "1.10": later}}

    assert [ask() for ask in asks] == [later, flow, flow, flow]
    assert known.having([flow.data_set, "DIDS"]).fixed().get(flow.data_set, "1.0") == flow
    assert flow in [*known]
