"""A few digits are looked for in what was said, and not in what is random."""

import pytest

from dsfc_testing.said import without_ids


@pytest.mark.parametrize(
    "random",
    [
        "0190a2b3-1c2d-7e4f-8a1b-7caeb2bf1970",
        "7caeb2bf1970aaaa",
        "1970" * 8,
        f"sha256:{'1970' * 16}",
    ],
)
def test_no_identifier_and_no_digest_is_taken_for_a_year(random):
    assert "1970" not in without_ids(f'{{"instance":"urn:uuid:{random}"}}')


@pytest.mark.parametrize(
    "said", ["born on 31 January 1970", "31/01/1970", "19700131", "999 000 1970", "9990001970"]
)
def test_what_was_said_stays(said):
    assert without_ids(said) == said
