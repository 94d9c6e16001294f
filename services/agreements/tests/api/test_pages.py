"""Lists come in pages, in order of id: nothing is skipped, and nothing is shown twice."""

import pytest

from agreements.db.decisions.tables import HoldingRow, PermitRow
from common.security.roles import Role
from services.agreements.tests.api.test_holdings import holding, permit
from services.agreements.tests.facts import CCG, CSU, OTHER_CCG, OTHER_CSU, REFERENCE


@pytest.fixture
def filled(seeded):
    """Three of everything that is listed."""
    seeded.active()
    permits = [permit() for _ in range(3)]
    with seeded.parts.engine.begin() as connection:
        connection.execute(PermitRow.__table__.insert(), permits)
        connection.execute(HoldingRow.__table__.insert(), [holding(one) for one in permits])
    for n, successor in enumerate((OTHER_CCG, CSU, OTHER_CSU), 1):
        seeded.post(
            "/v1/transfer-instruments",
            Role.CONTRACT_MANAGER,
            {
                "predecessor": CCG,
                "successor": successor,
                "effective_from": "2018-04-01",
                "evidence": "SI 2018/1",
            },
        )
        seeded.upload(
            "/v1/maps",
            f"practice,commissioner\nA8100{n},{CCG}\n",
            Role.REFERENCE_DATA_MANAGER,
            kind="practice",
            valid_from="2018-04-01",
        )
        seeded.post(
            "/v1/section-251-approvals",
            Role.REFERENCE_DATA_MANAGER,
            {
                "reference": f"CAG {n}",
                "purposes": ["IV"],
                "controllers": None,
                "valid_from": "2018-01-01",
                "valid_to": "2026-01-01",
                "review_on": None,
            },
        )
        seeded.post(
            "/v1/publications",
            Role.REGISTER_PUBLISHER,
            {"data_set": "CSDS", "period": f"2018-0{n}", "published_on": "2018-06-01"},
        )
    return seeded


@pytest.mark.parametrize(
    "path",
    [
        f"/v1/agreements/{REFERENCE}/holdings",
        "/v1/transfer-instruments",
        "/v1/maps",
        "/v1/section-251-approvals",
        "/v1/publications",
    ],
)
def test_a_list_is_read_page_by_page(filled, path):
    whole = filled.get(path, Role.AUDITOR).json()
    assert (len(whole["items"]), whole["next"]) == (3, None)

    pieces, after = [], None
    while after is not None or not pieces:
        query = {"limit": 2} | ({} if after is None else {"after": after})
        page = filled.get(path, Role.AUDITOR, **query).json()
        pieces.append(page["items"])
        after = page["next"]

    assert [len(piece) for piece in pieces] == [2, 1]
    assert [one for piece in pieces for one in piece] == whole["items"]
