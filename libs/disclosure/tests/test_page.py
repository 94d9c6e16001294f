"""What docs/disclosure.md and its notebook show runs, and the library runs alone."""

import json
import re
import subprocess
import sys
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "disclosure.md"
NOTEBOOK = ROOT / "docs" / "notebooks" / "disclosure.ipynb"
ALONE = """
import sys
import numpy as np
import disclosure
from disclosure import Dimension, Table, attack, check, protect, rule
from disclosure.asked import answered
from disclosure.outputs import Printed, written

trusts = Dimension.flat("trust", ["RA1", "RB1"], total="England", is_geography=True)
shown = protect(Table(dimensions=(trusts,), counts=np.array([7, 97])), rule("SHMI"))
made = Printed.of(shown, title="t")
assert written(made, "csv") and written(made, "json")
print(sorted({name.partition(".")[0] for name in sys.modules}))
"""
INSTALLED = """
from importlib.util import find_spec
import numpy as np
from disclosure import Dimension, Table, attack, check, protect, rule, verify

assert not [name for name in ("common", "catalogue", "duckdb", "fastapi") if find_spec(name)]
trusts = Dimension.flat("trust", ["RA1", "RB1"], total="England", is_geography=True)
by_hand = check((trusts,), {("RA1",): "*", ("RB1",): "95", ("England",): "104"}, rule("SHMI"))
for one in by_hand.findings:
    print(one.verdict, one.low, one.high)
ours = protect(Table(dimensions=(trusts,), counts=np.array([7, 97])), rule("SHMI"))
assert verify(ours) == ours.guarded.sum()
print(*{one.verdict for one in attack(ours.view(), exact=True)})
"""
OURS = {"common", "catalogue", "statements", "dsfc_client", "dsfc_testing", "dsfc_cli"}
EXTRAS = {"jinja2", "pyarrow", "xlsxwriter", "fastapi", "pydantic", "sqlalchemy"}


def test_the_example_of_the_page_runs() -> None:
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    said: dict[str, object] = {"print": lambda *_: None}
    exec(example, said)
    assert "104" not in said["shown"].texts


def test_the_notebook_runs_from_its_first_cell_to_its_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text("utf-8"))
    said: dict[str, object] = {}
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "what it printed somewhere is not kept"
            exec("".join(cell["source"]), said)

    assert (notebook["nbformat"], len({c["id"] for c in notebook["cells"]})) == (
        4,
        len(notebook["cells"]),
    )
    assert "RA1 recovered 7 7" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {"deaths.xlsx", "deaths.html"}


def test_the_library_needs_none_of_ours_and_no_extra(tmp_path: Path) -> None:
    """In an environment of its own, which has what the library names and nothing else."""
    venv.create(tmp_path / "alone", with_pip=False)
    packages = tmp_path / "alone" / "lib" / f"python3.{sys.version_info.minor}" / "site-packages"
    there = Path(json.__file__).parent  # the standard library
    source = Path(sys.modules["numpy"].__file__ or there).parents[1]
    for name in ("numpy", "numpy.libs", "highspy", "yaml", "_yaml"):
        if (source / name).exists():
            (packages / name).symlink_to(source / name)
    (packages / "disclosure").symlink_to(ROOT / "libs" / "disclosure" / "src" / "disclosure")

    done = subprocess.run(
        [tmp_path / "alone" / "bin" / "python", "-I", "-B", "-c", ALONE],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        cwd=tmp_path,
    )

    assert done.returncode == 0, done.stderr
    loaded = set(re.findall(r"'(\w+)'", done.stdout))
    assert "disclosure" in loaded
    assert not loaded & (OURS | EXTRAS)


@pytest.mark.long
def test_the_wheel_installs_into_an_empty_environment_and_protects(tmp_path: Path) -> None:
    """As a recipient has it: a wheel, and what it names from the registry."""
    python, wheels = tmp_path / "empty" / "bin" / "python", tmp_path / "wheels"
    project = ROOT / "libs" / "disclosure"
    venv.create(tmp_path / "empty", with_pip=True)
    pip = [python, "-I", "-m", "pip", "--disable-pip-version-check", "--quiet"]
    for command in (
        ["wheel", "--no-deps", "--wheel-dir", wheels, project],
        ["install", wheels / "dsfc_disclosure-0.1.0-py3-none-any.whl"],
    ):
        subprocess.run([*pip, *command], check=True, timeout=300, cwd=tmp_path)

    done = subprocess.run(
        [python, "-I", "-c", INSTALLED],
        capture_output=True, text=True, check=False, timeout=120, cwd=tmp_path,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == ["recovered 7 7", "safe"]
