"""What docs/disclosure.md shows runs."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[3] / "docs" / "disclosure.md"


def test_the_example_of_the_page_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    said: dict[str, object] = {"print": lambda *_: None}
    exec(example, said)
    assert "104" not in said["shown"].texts
