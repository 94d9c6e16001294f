"""A cumulative quarter of several tables: each group has the rows of each month, and one domain."""

import pytest

from services.pseudonymisation.tests.integration.test_both_halves import dissemination
from services.pseudonymisation.tests.integration.test_several_tables import (
    CODES,
    CSDS,
    asked,
    begin,
    close,
    read,
    without,
)
from services.pseudonymisation.tests.several_tables import (
    ACTIVE,
    ASKED,
    MONTH,
    REFERRED,
    WHO,
    Expected,
    Row,
    tables,
)

__all__ = ["dissemination"]

MAY = "2018-05"


def of(month: str) -> dict[str, list[Row]]:
    """The same people and referrals, a month later."""
    return {
        table: [{n: v.replace(f"{MONTH}-", f"{month}-") for n, v in row.items()} for row in rows]
        for table, rows in tables().items()
    }


@pytest.mark.scenario("R19")
def test_months_stand_one_behind_the_other_with_the_same_tokens_and_link_fields(
    intake, dissemination
) -> None:
    for month in (MONTH, MAY):
        submission_id = begin(intake, of(month), month)
        assert close(intake, submission_id).status_code == 202
        intake.work()
        assert intake.get(f"/v1/submissions/{submission_id}").json()["state"] == "accepted"

    done = dissemination.prepare(
        CSDS,
        asked() | {"Referrals.RP_StartDate": "as_is"},
        periods=[MONTH, MAY],
        codes=CODES,
        reasons="GHC",
        formats=("parquet",),
    )
    found = read(dissemination, done)

    for group, names in ASKED.items():
        tokens = {WHO, REFERRED, ACTIVE}
        rows = [
            row for month in (MONTH, MAY) for row in Expected(of(month), CODES).rows(group, names)
        ]
        assert without(found[group], *tokens, "RP_StartDate") == without(rows, *tokens), group
        for name in tokens & {*names, WHO} if group != "Group_Sessions" else ():
            known = {row[name] for row in found[group] if row[name]}
            assert len(known) == len({row[name] for row in rows if row.get(name)}), (group, name)
    of_each = {
        month: {
            row[REFERRED] for row in found["Referrals"] if str(row["RP_StartDate"])[:7] == month
        }
        for month in (MONTH, MAY)
    }
    assert of_each[MONTH] == of_each[MAY] != set()
