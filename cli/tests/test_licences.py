"""What is on no list does not come in, however its metadata spell its licence."""

from email.message import Message

import pytest

from dsfc_cli.generated import licences
from dsfc_cli.generated.licences import LicenceRefused, Rules, licensed

RULES = Rules(
    allowed={"MIT": "…", "Apache-2.0": "…", "MPL-2.0": "…"},
    spelled={"License :: OSI Approved :: MIT License": "MIT", "Apache 2": "Apache-2.0"},
    told={"silent": {"licence": "MIT", "why": "its repository"}},
)
MIT = "License :: OSI Approved :: MIT License"


def fields(**given: str | list[str]) -> Message:
    message = Message()
    for name, values in given.items():
        for value in [values] if isinstance(values, str) else values:
            message[name.replace("_", "-")] = value
    return message


def package(name, *needs, version="1.0", ours=False, **more):
    source = {"editable": name} if ours else {"registry": "https://example.org/simple"}
    needed = [{"name": need} if isinstance(need, str) else need for need in needs]
    return {"name": name, "version": version, "source": source, "dependencies": needed, **more}


def found(*packages, **installed):
    return licensed({"package": list(packages)}, installed, RULES)


@pytest.mark.parametrize(
    ("given", "licence"),
    [
        (fields(License_Expression="MIT"), "MIT"),
        (fields(License_Expression="mit or apache-2.0"), "MIT OR Apache-2.0"),
        (fields(License_Expression="MPL-2.0 AND (Apache-2.0 OR MIT)"), None),
        (fields(License="Apache 2"), "Apache-2.0"),
        (fields(License="Copyright (c) 2025 Somebody", Classifier=[MIT]), "MIT"),
        (fields(Classifier=["Topic :: Software Development", MIT]), "MIT"),
    ],
)
def test_a_licence_is_read_as_it_is_spelled(given, licence):
    (one,) = found(package("some"), some=given)

    assert one.licence == (licence or given["License-Expression"])


@pytest.mark.parametrize(
    "given",
    [
        fields(License_Expression="GPL-3.0-only"),
        fields(License_Expression="MIT OR GPL-3.0-only"),  # all of what it names, not one of it
        fields(License_Expression="MIT AND LicenseRef-Proprietary"),
        fields(License="proprietary"),
        fields(Classifier=["License :: OSI Approved :: BSD License"]),  # which of them is not said
        fields(Classifier=[MIT, "License :: OSI Approved :: GNU Affero General Public License v3"]),
        fields(),
        None,
    ],
)
def test_what_is_not_allowed_or_not_told_is_refused_by_name(given):
    with pytest.raises(LicenceRefused, match="some"):
        found(package("some"), **({} if given is None else {"some": given}))


def test_what_metadata_do_not_tell_is_told_by_us():
    (one,) = found(package("silent"))

    assert one.licence == "MIT"


def test_what_a_service_reaches_is_in_images_and_our_own_is_no_dependency():
    mit = fields(License_Expression="MIT")
    binary = {"name": "driver", "extra": ["binary"]}
    seen = found(
        package("dsfc-agreements", "web", binary, ours=True),
        package("web", "loop"),
        package("loop"),
        package("driver", **{"optional-dependencies": {"binary": [{"name": "compiled"}]}}),
        package("compiled"),
        package("checker"),
        package("checker", version="2.0"),
        **dict.fromkeys(("web", "loop", "driver", "compiled", "checker"), mit),
    )

    assert {one.name: one.is_in_images for one in seen} == {
        **dict.fromkeys(("web", "loop", "driver", "compiled"), True),
        "checker": False,
    }
    assert next(one.versions for one in seen if one.name == "checker") == ("1.0", "2.0")


def test_every_rule_is_used_and_has_its_reason():
    said = licences.rules()

    assert all(said.allowed.values())
    assert all(one["why"] for one in said.told.values())
    assert set(said.spelled.values()) <= set(said.allowed)
