"""Recipients check their own tables; nothing is kept, and the door does not wait for arithmetic."""

import threading

import pytest

from common.security.roles import Role
from dissemination.adapters import table_checks
from dissemination.adapters.table_checks import CELLS_MAX, TableChecks
from dissemination.domain.errors import CheckOutOfBounds, TooManyChecks

TRUST = {"name": "trust", "categories": ["RA1", "RB1"], "total": "England", "is_geography": True}
HAND = {
    "action": "check",
    "rule": "SHMI",
    "dimensions": [TRUST],
    "cells": [
        {"labels": ["England"], "value": "104"},
        {"labels": ["RA1"], "value": "*"},
        {"labels": ["RB1"], "value": "95"},
    ],
}
RAW = {
    **HAND,
    "action": "protect",
    "cells": [{"labels": ["RA1"], "value": "7"}, {"labels": ["RB1"], "value": "97"}],
}


def test_a_hand_protected_table_is_checked_and_ours_is_safe_and_nothing_is_kept(house):
    leaves, events = len(house.leaves()), len(house.events(""))

    found = house.call("POST", "/v1/disclosure-checks", json=HAND)
    ours = house.call("POST", "/v1/disclosure-checks", json=RAW)
    again = house.call(
        "POST", "/v1/disclosure-checks", json={**HAND, "cells": ours.json()["cells"]}
    )

    assert found.status_code == 200, found.text
    (finding,) = found.json()["findings"]
    assert (finding["cell"], finding["low"], finding["high"]) == (["RA1"], 7, 7)
    assert finding["because"] == ["[England: 104] = [RA1: 1 to 7] + [RB1: 93 to 97]"]
    assert again.json()["is_safe"] is True
    assert (len(house.leaves()), len(house.events(""))) == (leaves, events)


UNITS = {"name": "unit", "categories": ["A", "B", "C", "D"], "total": "England"}


def protected(house, values, **changes):
    """Have raw counts protected; return the texts by label."""
    cells = [
        {"labels": [label], "value": str(count)}
        for label, count in zip(UNITS["categories"], values, strict=True)
    ]
    body = {"action": "protect", "dimensions": [UNITS], "cells": cells} | changes
    answer = house.call("POST", "/v1/disclosure-checks", json=body)
    assert answer.status_code == 200, answer.text
    return {cell["labels"][0]: cell["value"] for cell in answer.json()["cells"]}, answer.json()


@pytest.mark.scenario("D07")
def test_a_linked_table_is_by_the_strictest_of_its_rules(house):
    """0 is hidden for CSDS, 6 for HES; each rule alone shows one of them."""
    linked, said = protected(house, (0, 6, 8, 100), rule="HES", linked_rules=["CSDS"])
    by_hes, _ = protected(house, (0, 6, 8, 100), rule="HES")
    by_csds, _ = protected(house, (0, 6, 8, 100), rule="CSDS")

    assert [linked[unit] for unit in "ABC"] == ["*", "*", "10"]
    assert said["rule"] == "HES+CSDS"
    assert by_hes["A"] == "0"
    assert by_csds["B"] == "5"
    again = {"action": "check", "rule": "HES", "dimensions": [UNITS], "cells": said["cells"]}
    checked = house.call("POST", "/v1/disclosure-checks", json=again | {"linked_rules": ["CSDS"]})
    assert checked.json()["is_safe"] is True


@pytest.mark.scenario("D09")
def test_a_nation_of_three_is_hidden_in_a_table_on_learning_disability(house):
    nation = {**UNITS, "is_geography": True, "categories": ["A", "B", "C", "D"]}
    cells = [{"labels": [unit], "value": "1"} for unit in "ABC"]
    body = {"action": "protect", "rule": "NCDR04", "dimensions": [nation], "cells": cells}

    on_it = house.call(
        "POST", "/v1/disclosure-checks", json=body | {"topics": ["LEARNING_DISABILITY"]}
    ).json()
    otherwise = house.call("POST", "/v1/disclosure-checks", json=body).json()

    def nation_of(answer):
        return {c["labels"][0]: c["value"] for c in answer["cells"]}["England"]

    assert nation_of(on_it) == "*"
    assert nation_of(otherwise) != "*"


def wide():
    return [{"name": n, "categories": [f"{n}{at}" for at in range(100)]} for n in "abc"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"cells": [{"labels": ["RA1"], "value": "-1"}]}, "TABLE_COUNT_NEGATIVE"),
        ({"rule": "HES_PRE2018", "on": "2020-01-01"}, "DISCLOSURE_RULE_NOT_IN_FORCE"),
        ({"dimensions": wide()}, "TABLE_TOO_LARGE"),
        ({"rule": "GPW"}, "DISCLOSURE_RULE_MISSING"),
        ({"linked_rules": ["GPW"]}, "DISCLOSURE_RULE_MISSING"),
        ({"linked_rules": ["SHMY"]}, "DISCLOSURE_RULE_UNKNOWN"),
    ],
)
def test_what_is_wrong_with_a_table_is_told_by_the_code_of_the_library(house, changes, code):
    refused = house.call("POST", "/v1/disclosure-checks", json={**RAW, **changes})
    assert (refused.status_code, refused.json()["code"]) == (422, code)


@pytest.mark.parametrize(
    "changes",
    [
        {"cells": [{"labels": ["RA1"], "value": "<5"}]},
        {"cells": [{"labels": ["9990000018"], "value": "7"}]},
        {"cells": []},
        {"cells": RAW["cells"] * CELLS_MAX},
        {"action": "publish"},
        {"rule": "SHMI; DROP"},
        {"keep": True},
    ],
)
def test_a_body_of_another_form_never_reaches_the_library(house, changes):
    refused = house.call("POST", "/v1/disclosure-checks", json={**RAW, **changes})
    assert refused.status_code == 422
    assert refused.json()["code"] in {"INVALID_REQUEST", "PERSONAL_DATA_IN_TEXT"}
    assert "9990000018" not in refused.text


def test_whoever_is_of_no_use_for_it_may_not(house):
    refused = house.call("POST", "/v1/disclosure-checks", json=HAND, role=Role.PROVIDER_SYSTEM)
    assert refused.status_code == 403


def test_more_checks_at_once_than_there_may_be_are_refused_at_once():
    checks = TableChecks(at_once=1, seconds=5, memory_bytes=1 << 30)
    began, go = threading.Event(), threading.Event()

    def slow(question):
        began.set()
        go.wait(30)
        return {"answer": {}}

    checks._asked = slow
    first = threading.Thread(target=checks.answer, args=({},))
    first.start()
    try:
        assert began.wait(30)
        with pytest.raises(TooManyChecks):
            checks.answer({})
    finally:
        go.set()
        first.join(30)
    assert checks.answer({}) == {}


def test_a_check_that_passes_its_memory_is_ended_and_its_place_is_free():
    """The bound is set when the library is loaded, so that it takes a large table to pass it."""
    names = [f"N{at}" for at in range(70)]
    large = {
        **RAW,
        "dimensions": [{"name": name, "categories": names} for name in "ab"],
        "cells": [
            {"labels": [one, other], "value": str((7 * i + 5 * j) % 12)}
            for i, one in enumerate(names)
            for j, other in enumerate(names)
        ],
    }
    checks = TableChecks(at_once=1, seconds=5, memory_bytes=24 << 20)
    for _ in range(2):
        with pytest.raises(CheckOutOfBounds):
            checks.answer(large)


def test_a_check_that_takes_too_long_is_ended(monkeypatch):
    monkeypatch.setattr("dissemination.adapters.table_checks.SPARE_SECONDS", 0)
    checks = TableChecks(at_once=1, seconds=0.001, memory_bytes=1 << 30)
    with pytest.raises(CheckOutOfBounds):
        checks.answer(HAND)


def test_the_library_is_found_where_it_is_and_not_by_where_one_stands(tmp_path, monkeypatch):
    """A container has our code in a path of its own, and a directory may have a namesake."""
    (tmp_path / "disclosure").mkdir()
    (tmp_path / "disclosure" / "__init__.py").write_text("raise SystemExit(3)", "utf-8")
    monkeypatch.chdir(tmp_path)
    checks = TableChecks(at_once=1, seconds=5, memory_bytes=256 << 20)
    assert not checks.answer(HAND)["is_safe"]


def test_the_process_of_a_check_has_no_address_and_no_secret_of_ours(monkeypatch):
    monkeypatch.setenv("DISSEMINATION_DATABASE_URL", "postgresql://user:secret@host/db")
    started = []
    real = table_checks.subprocess.run

    def looked_at(command, **more):
        started.append((command, more["env"]))
        return real(command, **more)

    monkeypatch.setattr(table_checks.subprocess, "run", looked_at)
    TableChecks(at_once=1, seconds=5, memory_bytes=256 << 20).answer(HAND)

    ((command, environment),) = started
    assert set(environment) == {
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "LC_ALL",
        "PYTHONPATH",
    }
    assert "secret" not in f"{command}{environment}"
