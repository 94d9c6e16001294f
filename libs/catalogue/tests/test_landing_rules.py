"""Landing rules: what is published, how they are found, and what a wrong file is told."""

import re
from datetime import date
from pathlib import Path

import pytest

import catalogue
from catalogue import Catalogue, Effect, LandingRules
from catalogue.protocols import Protocol
from catalogue.relations import split
from catalogue.store import RULES

BOTH_PROTOCOLS = (Protocol.WHOLE_PERIOD, Protocol.NET_CHANGE)
ROOT = Path(catalogue.__file__).parent

DATA_SET = """
data_set: TINY
version: "1.0"
title: Tiny
description: A data set of five columns.
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
  - {name: BORN, class: DI, identifier: date_of_birth, type: date}
  - {name: DIAG_1, class: CLIN, pattern: "[A-Z][0-9]{2}", treatments: [as_is]}
  - {name: STAY, class: CLIN, type: integer, treatments: [as_is]}
derived:
  - {name: AGE, type: integer, from: BORN, at: SEEN, derivation: age_years}
"""

MINIMAL = """
data_set: TINY
version: 1
valid_from: 2018-04-01
sources: [this test]
formats:
  diag: {pattern: "[A-Z][0-9]{2}X?", normal: [upper], source: this test, dated: 2018-04-01}
fields:
  - {names: ["DIAG_*"], format: diag, otherwise: empty}
control:
  - {name: TESTED}
adds_nothing:
  - {code: TEST_RECORD, columns: [TESTED], values: ["1"], source: this test, valid_from: 2018-04-01}
withhold:
  drop: [NHS, BORN]
  keep_derived: [AGE]
  reasons: [S]
  when:
    - {code: WITHHELD, columns: [DIAG_1], begins: [Z31], source: this test, valid_from: 2018-04-01}
validity:
  - {code: BORN_LATE, column: BORN, is: above, than: SEEN, effect: empty, text: No., source: a}
"""


def written(tmp_path: Path, *rules: str) -> Path:
    (tmp_path / "TINY-1.0.yaml").write_text(DATA_SET, encoding="utf-8")
    folder = tmp_path / RULES
    folder.mkdir()
    for number, text in enumerate(rules, start=1):
        (folder / f"TINY-{number}.yaml").write_text(text, encoding="utf-8")
    return tmp_path


def loaded(tmp_path: Path, *rules: str) -> Catalogue:
    return catalogue.load(written(tmp_path, *rules))


def test_the_published_data_sets_have_landing_rules_that_know_their_first_day() -> None:
    known = catalogue.load()
    for data_set in known:
        rules = known.rules_of(data_set.data_set, data_set.valid_from)
        assert rules is not None
        assert rules.version >= 1


def test_the_digests_of_published_data_sets_are_those_that_lines_name() -> None:
    first = [d for d in catalogue.load() if d.version == "1.0"]
    digests = {d.data_set: d.digest for d in first if d.data_set in {"DIDS", "SUS_APC"}}
    assert digests == {
        "DIDS": "sha256:d0e712d651f49b75b7ab35fdb2328ecba72232e73e78cbec10d0a0007041968f",
        "SUS_APC": "sha256:892f0feb02b008fbf1a53d554dc8601d3dca2c51932bb548f814b1e642a1ee7b",
    }


def test_rules_are_taken_from_the_newest_version_that_has_begun(tmp_path: Path) -> None:
    later = MINIMAL.replace("version: 1", "version: 2").replace(
        "valid_from: 2018-04-01\nsources", "valid_from: 2019-04-01\nsources"
    )
    known = loaded(tmp_path, MINIMAL, later)

    def version(day: str) -> int | None:
        rules = known.rules_of("TINY", date.fromisoformat(day))
        return None if rules is None else rules.version

    assert [version(day) for day in ("2018-03-31", "2018-04-01", "2019-03-31", "2019-04-01")] == [
        None,
        1,
        1,
        2,
    ]


def test_what_earlier_rules_or_none_made_is_not_safe_where_the_present_ones_say_so(
    tmp_path: Path,
) -> None:
    later = MINIMAL.replace("version: 1", "version: 2\nsafe_from: 2")
    known = loaded(tmp_path, MINIMAL, later)
    first, second = sorted(
        (r for r in known.landing_rules if r.data_set == "TINY"), key=lambda r: r.version
    )
    day = date(2020, 1, 1)

    assert known.is_safe("TINY", second.digest, day)
    assert not known.is_safe("TINY", first.digest, day)
    assert not known.is_safe("TINY", None, day)
    assert not known.is_safe("TINY", "sha256:" + "0" * 64, day)
    foreign = known.rules_of("DIDS", day)
    assert foreign is not None
    assert not known.is_safe("TINY", foreign.digest, day)


def test_where_nothing_is_said_of_intake_nothing_is_unsafe(tmp_path: Path) -> None:
    (tmp_path / "TINY-1.0.yaml").write_text(DATA_SET, encoding="utf-8")
    known = catalogue.load(tmp_path)

    assert known.is_safe("TINY", None, date(2020, 1, 1))


def test_formats_go_before_the_published_file_and_leave_its_digest(tmp_path: Path) -> None:
    known = loaded(tmp_path, MINIMAL)
    published = known.get("TINY")
    rules = known.rules_of("TINY", date(2020, 1, 1))
    assert rules is not None

    read = rules.taken_in(published)

    assert read.by_name["DIAG_1"].pattern == "[A-Z][0-9]{2}X?"
    assert read.by_name["TESTED"].treatments == ()
    assert published.by_name["DIAG_1"].pattern == "[A-Z][0-9]{2}"
    assert "TESTED" not in published.by_name
    assert read.digest == published.digest


def test_the_rule_of_a_column_is_that_of_its_name_before_one_of_many(tmp_path: Path) -> None:
    both = MINIMAL.replace("control:", "  - {names: [DIAG_1], otherwise: warn}\ncontrol:")
    rules = loaded(tmp_path, both).rules_of("TINY", date(2020, 1, 1))
    assert rules is not None

    found = rules.rule_of("DIAG_1")
    assert found is not None
    assert found.otherwise is Effect.WARN


def test_a_copy_of_rules_is_asked_for_its_own(tmp_path: Path) -> None:
    """Also where the rules that were copied had been asked before."""
    rules = loaded(tmp_path, MINIMAL).rules_of("TINY", date(2020, 1, 1))
    assert rules is not None
    assert rules.rule_of("DIAG_1") is not None

    copied = rules.model_copy(update={"fields": ()})

    assert copied.rule_of("DIAG_1") is None
    assert copied.form != rules.form


def test_the_rule_of_a_column_is_the_first_of_those_that_name_most_of_it() -> None:
    """Of every published rule and column, held against all patterns one by one."""
    known = catalogue.load()
    columns = {name for data_set in known.data_sets for name in data_set.by_name}
    for rules in known.landing_rules:
        for name in columns:
            best = None
            for rule in rules.fields:
                for pattern in rule.names:
                    start, star, _ = pattern.partition("*")
                    fits = name.startswith(start) if star else name == pattern
                    rank = (not star, len(start))
                    if fits and (best is None or rank > best[0]):
                        best = (rank, rule)
            assert rules.rule_of(name) is (best and best[1]), (rules.name, name)


def test_included_parts_are_in_the_digest() -> None:
    common = {"common-1": {"void": {"words": ["NONE"], "source": "a", "dated": "2018-04-01"}}}
    text = MINIMAL + "includes: [common-1]\n"
    first = catalogue.read_rules(text, name="a", common=common)
    common["common-1"]["void"]["words"] = ["NONE", "NIL"]
    second = catalogue.read_rules(text, name="a", common=common)

    assert first.void is not None
    assert first.digest != second.digest


def test_a_published_rule_that_was_edited_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    from catalogue import store

    said = store.digest_of
    monkeypatch.setattr(store, "digest_of", lambda c: "sha256:00" if "sources" in c else said(c))
    with pytest.raises(catalogue.InvalidDataSet, match="differs from what was published"):
        store._published.__wrapped__(ROOT)


def test_published_rules_must_fit_a_version_that_is_not_published(tmp_path: Path) -> None:
    catalogue.load()  # where they fit
    text = DATA_SET.replace("data_set: TINY", "data_set: DIDS").replace('"1.0"', '"9.0"')
    (tmp_path / "DIDS-9.0.yaml").write_text(text, encoding="utf-8")

    with pytest.raises(catalogue.InvalidDataSet, match="DIDS"):
        catalogue.load(tmp_path)


def test_what_is_added_for_one_catalogue_is_in_no_other(tmp_path: Path) -> None:
    assert "TINY" in {data_set.data_set for data_set in loaded(tmp_path, MINIMAL)}
    assert "TINY" not in {data_set.data_set for data_set in catalogue.load()}
    assert "TINY" not in {rules.data_set for rules in catalogue.load().landing_rules}


@pytest.mark.parametrize(
    ("was", "is_now", "says"),
    [
        ("version: 1", "version: 0", "version"),
        ("version: 1", "version: 1\nsafe_from: 2", "safe_from is later"),
        ("sources: [this test]", "sources: []", "sources"),
        ("format: diag", "format: dig", "the format dig, which is not there"),
        ('"[A-Z][0-9]{2}X?"', '"["', "regular expression"),
        ('"[A-Z][0-9]{2}X?"', '"(?=A)A"', "cannot look round"),
        ('pattern: "[A-Z][0-9]{2}X?", ', "", "either a pattern or codes"),
        ('["DIAG_*"]', "[DIAG_2]", "names DIAG_2, which is not a field"),
        ('["DIAG_*"]', "[BORN]", "a format, which is no text"),
        ('["DIAG_*"]', '["DIAG_*", "DIAG_*"]', "named twice"),
        ("name: TESTED", "name: BORN", "which are fields already"),
        ("columns: [TESTED]", "columns: [TRIED]", "TEST_RECORD names TRIED"),
        ('values: ["1"],', 'values: ["1"], begins: [Z31],', "says one of"),
        ("drop: [NHS, BORN]", "drop: [NHS, BIRTH]", "withhold.drop names BIRTH"),
        ("keep_derived: [AGE]", "keep_derived: [BORN]", "which is not derived"),
        ("than: SEEN", "than: 7", "cannot be compared so"),
        ("than: SEEN", "than: STAY", "cannot be compared so"),
        ("column: BORN, is", "column: STAY, is", "cannot be compared so"),
        ("column: BORN, is: above, than: SEEN", "column: SEEN, is: above, than: BORN", "its month"),
        ("effect: empty", "effect: keep", "effect"),
        ("begins: [Z31]", "begins: [z31]", "begins"),
        ("sources: [this test]", "sources: [this test]\nahead: [STAY]", "which is no date"),
        ("sources: [this test]", "sources: [this test]\ndigest: a", "computed, not given"),
        ("sources: [this test]", "sources: [this test]\nincludes: [common-9]", "no common-9"),
        ("sources: [this test]", "sources: [this test]\ncolour: red", "colour"),
        ("data_set: TINY", "data_set: HUGE", "no such data set"),
    ],
)
def test_wrong_rules_are_told_where_and_why(
    tmp_path: Path, was: str, is_now: str, says: str
) -> None:
    assert was in MINIMAL
    text = MINIMAL.replace(was, is_now)

    with pytest.raises(catalogue.InvalidDataSet, match=re.escape(says)):
        loaded(tmp_path, text)


def test_two_versions_that_begin_in_the_wrong_order_are_refused(tmp_path: Path) -> None:
    later = MINIMAL.replace("version: 1", "version: 2").replace(
        "valid_from: 2018-04-01\nsources", "valid_from: 2017-04-01\nsources"
    )
    with pytest.raises(catalogue.InvalidDataSet, match="before the last version"):
        loaded(tmp_path, MINIMAL, later)


@pytest.mark.parametrize("name", ["SUS_APC-1.yaml", "DIDS-1.yaml"])
def test_the_checker_knows_landing_rules(name: str) -> None:
    assert catalogue.check(ROOT / RULES / name) == []
    assert isinstance(catalogue.read_either(ROOT / RULES / name), LandingRules)


def test_the_checker_says_what_is_wrong_with_landing_rules(tmp_path: Path) -> None:
    path = tmp_path / "SUS_APC-2.yaml"
    text = (ROOT / RULES / "SUS_APC-1.yaml").read_text("utf-8")
    path.write_text(text.replace("column: Date_of_Birth", "column: Birthday"), encoding="utf-8")

    assert any("Birthday, which is not a field" in str(p) for p in catalogue.check(path))


def test_a_record_is_known_by_columns_that_are_there_and_kept():
    known = "record: {key: [DIAG_1], twice: replace, source: this test}"
    rules = catalogue.read_rules(f"{MINIMAL}\n{known}", name="tiny")
    assert rules.record is not None
    assert rules.record.twice is catalogue.Twice.REPLACE
    data_set = catalogue.read(DATA_SET, name="tiny")
    assert not list(rules.problems_with(data_set))

    for name, problem in (("NO_SUCH", "not a field"), ("NHS", "not kept"), ("TESTED", "not kept")):
        wrong = catalogue.read_rules(f"{MINIMAL}\n{known.replace('DIAG_1', name)}", name="tiny")
        assert any(problem in found for found in wrong.problems_with(data_set))


def test_every_data_set_says_by_what_its_records_are_known_again():
    for rules in catalogue.load().landing_rules:
        if catalogue.load().get(rules.data_set).tables:
            continue  # each table says its key
        assert rules.record is not None, rules.name
        assert rules.record.source


@pytest.mark.parametrize("name", sorted({d.data_set for d in catalogue.load()}))
def test_every_date_is_held_against_today_or_declared_to_be_rightly_ahead(name: str) -> None:
    """B11: booked and expected dates are declared so, as the day of a delivery is in MSDS."""
    known = catalogue.load()
    data_set = known.get(name).as_sent
    rules = known.rules_of(name, date(2026, 11, 27))
    assert rules is not None
    limited = {
        rule.column for rule in rules.validity if rule.is_ == "above" and rule.than == "today"
    }
    limited |= {split(f.name)[1] for f in data_set.fields if f.check == "not_in_future"}
    dates = {split(f.name)[1] for f in data_set.fields if f.type in catalogue.DAYS}

    assert dates == (limited - rules.controls) | set(rules.ahead)
    assert not limited & set(rules.ahead)


def test_how_files_are_taken_in_is_worked_out_once_for_what_it_depends_on(tmp_path: Path) -> None:
    """Guard: the key of `Catalogue.intake_of`: the data set, the rules of the day, the protocol."""
    later = MINIMAL.replace("version: 1", "version: 2").replace(
        "valid_from: 2018-04-01\nsources", "valid_from: 2019-04-01\nsources"
    )
    known = loaded(tmp_path, MINIMAL, later)
    tiny, sus, day = known.get("TINY"), known.get("SUS_APC"), date(2018, 4, 1)

    first = known.intake_of(tiny, day)

    assert known.intake_of(tiny, date(2019, 3, 31))[1] is first[1]
    assert [known.intake_of(tiny, on)[0].version for on in (day, date(2019, 4, 1))] == [1, 2]
    assert known.intake_of(tiny, date(2017, 1, 1))[0].sources != first[0].sources
    assert known.intake_of(sus, day)[1].data_set == "SUS_APC"
    whole, change = (known.intake_of(sus, date(2026, 1, 1), by)[1] for by in BOTH_PROTOCOLS)
    assert whole != change


def test_a_date_that_is_rightly_ahead_is_not_held_against_today() -> None:
    data_set = catalogue.load().get("SUS_APC")
    rules = catalogue.load().rules_of("SUS_APC", date(2026, 11, 27))
    assert rules is not None
    booked = rules.model_copy(update={"ahead": ("Date_of_Birth",)})

    assert rules.taken_in(data_set).by_name["Date_of_Birth"].check == "not_in_future"
    assert booked.taken_in(data_set).by_name["Date_of_Birth"].check is None


@pytest.mark.parametrize(
    ("added", "problem"),
    [
        ("ahead: [Discharge_Date]\n", "held against today: Discharge_Date"),
        ("record: null\n", "cancels records, which have no key"),
    ],
)
def test_rules_that_contradict_themselves_are_refused(added: str, problem: str) -> None:
    text = (ROOT / RULES / "SUS_APC-2.yaml").read_text("utf-8")
    key = added.partition(":")[0]
    kept = [line for line in text.splitlines(keepends=True) if not line.startswith(f"{key}: [")]
    if key == "record":
        start = text.index("record:\n")
        kept = [text[:start], text[text.index("# Of the interchange") :]]

    with pytest.raises(catalogue.InvalidDataSet, match=problem):
        catalogue.read_rules("".join(kept) + added, name="SUS_APC-9.yaml")


@pytest.mark.parametrize("name", sorted({d.data_set for d in catalogue.load()}))
def test_every_data_set_says_under_what_it_is_collected_whom_it_is_about_and_whence(
    name: str,
) -> None:
    """Ruling 32; what is not published says so."""
    known = catalogue.load()
    rules = known.rules_of(name, date(2026, 11, 27))

    assert rules is not None
    assert rules.collection
    assert catalogue.in_force(rules.collection, date(2026, 11, 27))
    for data_set in known:
        if data_set.data_set == name and data_set.data_set not in {"SUS_APC", "DIDS"}:
            assert data_set.specification
            assert data_set.legal_bases
            assert data_set.lag
            about = data_set.person.nhs_number or data_set.person.local_id
            assert bool(about) == (data_set.subjects != "nobody")
