"""The picture in the README is the table that the code goes by."""

from pathlib import Path

from applications.domain.life import LIFE

README = Path(__file__).parents[2] / "README.md"


def diagram():
    lines = ["stateDiagram-v2", "    [*] --> ENQUIRY", "    [*] --> DRAFT"]
    lines += [
        f"    {state} --> {to}: {verb}"
        for state, ways in LIFE.items()
        for verb, way in ways.items()
        for to in sorted(way.to)
        if to is not state
    ]
    return "\n".join(
        [*lines, *(f"    {state} --> [*]" for state, ways in LIFE.items() if not ways)]
    )


def test_the_diagram_is_current():
    assert diagram() in README.read_text("utf-8")
