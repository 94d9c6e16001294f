"""What the pages about the code point at is there: whoever follows a release gets to the byte."""

import importlib
import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
SERVICES = "applications|agreements|pseudonymisation|dissemination"
POINTER = re.compile(rf"`((?:{SERVICES})/[a-z_/]+)(?::(\w+)|(\.yaml))?`")


PAGES = ("architecture.md", "follow-one-release.md")


def test_every_place_that_the_architecture_names_is_there() -> None:
    texts = [(ROOT / "docs" / page).read_text("utf-8") for page in PAGES]
    named = POINTER.findall("\n".join(texts))
    assert len(named) > 15

    for path, name, suffix in named:
        if suffix:
            service = path.partition("/")[0]
            assert (ROOT / "services" / service / "src" / f"{path}{suffix}").is_file(), path
            continue
        module = importlib.import_module(path.replace("/", "."))
        assert not name or hasattr(module, name), f"{path}:{name}"


def test_every_decision_is_in_their_list_once_and_in_order() -> None:
    folder = ROOT / "docs" / "adr"
    listed = re.findall(r"\]\((\d{4}-[a-z0-9-]+\.md)\)", (folder / "README.md").read_text("utf-8"))

    assert listed == sorted(path.name for path in folder.glob("0*.md"))
