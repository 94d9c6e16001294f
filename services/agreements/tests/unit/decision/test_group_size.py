"""A line's limit of k: nothing leaves in which fewer people share what could single them out."""

import pytest

from agreements.decision.domain.decide import Permission
from agreements.decision.use_cases.permission_cache import PermissionTexts
from common.ids import new_id
from services.agreements.tests.reference import world as plain
from services.agreements.tests.unit.decision.test_scenarios import codes, decided


@pytest.fixture
def world():
    found = plain.sound()
    found["agreement"]["versions"][0]["snapshot"]["lines"][0]["min_group_size"] = 5
    return found


def asked(action, smallest):
    groups = None if smallest is ... else {"smallest": smallest}
    return getattr(plain, action)(file=plain.file(groups=groups))


def test_the_permit_has_the_limit_and_without_one_it_has_no_such_member(world):
    def permit(of):
        allowed = decided(of, plain.request())
        assert isinstance(allowed, Permission)
        return PermissionTexts(allowed).permit(
            id=new_id(),
            client_id=plain.CLIENT,
            request_digest="sha256:" + "0" * 64,
            extract_id=str(new_id()),
            decision_id=new_id(),
            epoch=1,
            periods=("2018-04",),
            formats=("parquet",),
        )

    assert permit(world).claims()["min_group_size"] == 5
    assert "min_group_size" not in permit(plain.sound()).claims()


@pytest.mark.parametrize("action", ["release", "fetch"])
@pytest.mark.parametrize(("smallest", "refused"), [(5, False), (4, True), (None, False)])
def test_a_file_with_a_smaller_group_is_refused_at_each_step(world, action, smallest, refused):
    """None: the file has nobody."""
    expected = {("GROUP_TOO_SMALL", "file")} if refused else set()

    assert codes(world, asked(action, smallest)) == expected


def test_a_file_of_people_of_whom_nobody_counted_groups_is_refused(world):
    assert codes(world, asked("release", ...)) == {("GROUP_TOO_SMALL", "groups")}


def test_without_a_limit_nothing_is_refused_for_it():
    assert codes(plain.sound(), asked("release", 1)) == set()


@pytest.mark.parametrize("limit", [1, 1001, "5", True])
def test_what_is_no_limit_is_a_clause_that_nobody_can_judge(world, limit):
    world["agreement"]["versions"][0]["snapshot"]["lines"][0]["min_group_size"] = limit

    assert ("CLAUSE_UNKNOWN", "min_group_size") in codes(world, plain.request())
