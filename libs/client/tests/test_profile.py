"""A profile: what it says, and what is said of one that cannot be used."""

import json
from pathlib import Path
from typing import Any

import pytest

from common.security import keys
from dsfc_client import Dsfc, Profile, ProfileClient, ProfileInvalid

SERVICES = ("applications", "agreements", "pseudonymisation", "dissemination")


def profile(**changes: Any) -> Profile:
    said: dict[str, Any] = {
        "issuer": "https://issuer.example",
        "token_url": "https://issuer.example/token",
        "assertion_audience": "https://issuer.example",
        "services": {service: f"https://{service}.example" for service in SERVICES},
        "clients": {"csu": ProfileClient(roles=("csu-system",), key_file="keys/csu.jwk")},
    }
    return Profile(**said | changes)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    keys.load_or_generate(tmp_path / "keys" / "csu.jwk")
    profile().write(tmp_path / "profile.json")
    return tmp_path


def test_a_profile_reads_as_it_was_written(folder: Path) -> None:
    assert Profile.read(folder / "profile.json") == profile()


def test_the_only_client_and_its_only_role_need_not_be_said(folder: Path) -> None:
    credentials = profile().credentials(beside=folder)

    assert (credentials.client_id, credentials.role) == ("csu", "csu-system")
    with Dsfc.from_profile(folder / "profile.json") as dsfc:
        assert dsfc.tokens is not None


def test_of_several_one_must_be_said(folder: Path) -> None:
    several = profile(
        clients={
            "csu": ProfileClient(roles=("csu-system", "csu-contact"), key_file="keys/csu.jwk"),
            "ccg": ProfileClient(roles=("applicant-editor",), key_file="keys/ccg.jwk"),
        }
    )

    with pytest.raises(ProfileInvalid, match="Say which client: ccg, csu"):
        several.credentials(beside=folder)
    with pytest.raises(ProfileInvalid, match="Say which role: csu-contact, csu-system"):
        several.credentials("csu", beside=folder)
    assert several.credentials("csu", "csu-contact", beside=folder).role == "csu-contact"


def test_who_is_not_in_it_is_told_who_is(folder: Path) -> None:
    with pytest.raises(ProfileInvalid, match="knows no client nobody; it knows csu"):
        profile().credentials("nobody", beside=folder)
    with pytest.raises(ProfileInvalid, match="csu is not dars-approver, but csu-system"):
        profile().credentials("csu", "dars-approver", beside=folder)


def test_a_key_that_is_not_there_is_named(folder: Path) -> None:
    (folder / "keys" / "csu.jwk").unlink()

    with pytest.raises(ProfileInvalid, match=r"keys/csu\.jwk"):
        profile().credentials(beside=folder)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "no profile"),
        ("{}", "no profile: 'services'"),
        (json.dumps({"services": {"agreements": "x"}}), "services lacks applications"),
        (json.dumps({"services": dict.fromkeys(SERVICES, "x")}), "no profile: 'issuer'"),
    ],
)
def test_a_file_that_is_no_profile_says_so(tmp_path: Path, content: str, said: str) -> None:
    file = tmp_path / "profile.json"
    file.write_text(content)

    with pytest.raises(ProfileInvalid, match=said):
        Profile.read(file)


def test_a_file_that_is_not_there_says_who_writes_one(tmp_path: Path) -> None:
    with pytest.raises(ProfileInvalid, match="`dsfc up` and `dsfc keys` write a profile"):
        Profile.read(tmp_path / "none.json")


def test_an_authority_is_found_beside_the_profile_and_said_where_it_is_not(folder: Path) -> None:
    given = profile(authority="ca.crt")
    with pytest.raises(ProfileInvalid, match=r"authority .*ca\.crt is not there"):
        given.authority_file(beside=folder)

    (folder / "ca.crt").write_text("anything", "ascii")
    given.write(folder / "profile.json")

    assert Profile.read(folder / "profile.json") == given
    assert given.authority_file(beside=folder) == folder / "ca.crt"
    assert profile().authority_file(beside=folder) is None
