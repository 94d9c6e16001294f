"""Tables: made, rounded, suppressed and proved, against the engine's own three-way rollup.

The attacker's time, the loss against plain suppression, and 100,000 cells are reported beside it.
"""

import json
import os
import subprocess
import time
from pathlib import Path

import duckdb
import numpy as np

from disclosure import DisclosureProblem, Profile, Table, attack, optimum, protect, rule
from libs.disclosure.tests.generated import by_chance, tree
from tests.benchmarks.measure import Result

GOAL = 3.0
RECORDS = 1_000_000
FEW = 200_000
"""Fewer records than these in as many cells are refused: nearly all are small then."""
SMALL_SEEDS = 140
LEAST_SECONDS = 5.0
LARGE = {
    "100k_cells_3d": (((8, 24), (19,), (6, 3)), 60.0),
    "100k_cells_4d": (((7, 6), (9,), (4, 3), (11,)), 120.0),
}


SMALL = {
    "small_3d": (((2, 4), (3,), (2, 3)), 60.0),
    "small_4d": (((2, 3), (3,), (2, 2), (3,)), 120.0),
}
PEERS = {"acro": FEW, "tau-argus": FEW}
"""What is run beside ours, and on how many records."""
PEER = Path(__file__).with_name("peers.py")
PEER_SECONDS_MAX = 600.0
WHOLE = 0.01
"""From this part of the records on it is measured; below it is only seen that it runs."""


def counts_of(fans: tuple[tuple[int, ...], ...], records: int, spread: float) -> Table:
    """A table of as many records, with the skew that health records have."""
    rng = np.random.default_rng(0)
    dimensions = tuple(tree(f"d{n}", fan, geography=n == 0) for n, fan in enumerate(fans))
    shape = tuple(len(d.leaves) for d in dimensions)
    weight = np.exp(rng.normal(0, spread, shape))
    for axis, size in enumerate(shape):
        along = np.exp(rng.normal(0, spread / 2, size))
        weight *= along.reshape([-1 if a == axis else 1 for a in range(len(shape))])
    return Table(
        dimensions=dimensions,
        counts=rng.multinomial(records, (weight / weight.sum()).ravel()).reshape(shape),
    )


def run(scale: float, scratch: Path) -> list[Result]:
    """Measure."""
    results = []
    table = counts_of(((7, 6), (6,), (4, 3)), max(FEW, int(RECORDS * scale)), 0.95)
    con = duckdb.connect(config={"threads": 1})
    atoms = np.repeat(np.arange(table.counts.size), table.counts.ravel())
    np.random.default_rng(1).shuffle(atoms)
    con.register("atoms", {"atom": atoms})
    con.execute(
        "create table r as select (atom // 72)::int g, (atom // 432)::int rg, (atom // 12 % 6)::int a,"  # noqa: E501
        " (atom % 12)::int m, (atom % 12 // 3)::int q from atoms"
    )
    for code in ("SHMI", "CSDS"):
        ours, floor, attacks, extra = [], [], [], 0
        for _ in range(3 if scale >= WHOLE else 1):
            began = time.perf_counter()
            con.sql(
                "select count(*) from (select 1 from r group by rollup(rg, g), rollup(a), rollup(q, m))"  # noqa: E501
            ).fetchall()
            floor.append(time.perf_counter() - began)
            began = time.perf_counter()
            rows = con.sql("select g, a, m, count(*) from r group by all").fetchnumpy()
            counts = np.zeros(table.counts.shape, np.int64)
            counts[rows["g"], rows["a"], rows["m"]] = rows["count_star()"]
            shown = protect(Table(dimensions=table.dimensions, counts=counts), rule(code))
            ours.append(time.perf_counter() - began)
            began = time.perf_counter()
            attack(shown.view())
            attacks.append(time.perf_counter() - began)
            extra = shown.loss_cells
        plain = protect(table, rule(code), profile=Profile.AS_PUBLISHED)
        results.append(
            Result(
                name=f"tables_{code.lower()}_6k",
                ratio=float(np.median(ours) / np.median(floor)),
                goal=GOAL,
                better="lower",
                told=f"{np.median(ours):.2f} s against {np.median(floor):.2f} s of rollup; "
                f"{len(plain.findings)} cells given away by primary suppression alone; "
                f"{extra} hidden for others; attacker by intervals {np.median(attacks):.2f} s",
            )
        )
    results += _peers(scratch)
    results.append(_least(SMALL_SEEDS if scale >= WHOLE else 30))
    for name, (fans, limit) in (LARGE if scale >= WHOLE else SMALL).items():
        big = counts_of(fans, max(1000, int(RECORDS * scale)), 0.8)
        for code in ("SHMI", "CSDS"):
            began = time.perf_counter()
            try:
                shown = protect(big, rule(code), seconds=limit / 3)
                said = f"{shown.reasons}"
            except DisclosureProblem as refused:
                said = f"refused: {refused.detail}"
            taken = time.perf_counter() - began
            results.append(
                Result(
                    name=f"tables_{code.lower()}_{name}",
                    ratio=taken / limit,
                    goal=1.0,
                    better="lower",
                    told=f"{taken:.1f} s of {limit:.0f} s, {big.cells.size} cells; {said}",
                )
            )
    return results


def _least(seeds: int) -> Result:
    """What the search hides against the least that could be, on small tables made by chance."""
    shmi = rule("SHMI")
    found, least, tables, seconds = 0.0, 0.0, 0, 0.0
    cells = [0, 0]
    for seed in range(seeds):
        table = by_chance(seed)
        if table.cells.size > optimum.CELLS_MAX:
            continue
        greedy = protect(table, shmi)
        if not (greedy.loss_cells or greedy.reasons["nation_not_exact"] or greedy.wide.any()):
            continue
        began = time.perf_counter()
        best = protect(table, shmi, least=True, seconds=LEAST_SECONDS)
        seconds += time.perf_counter() - began
        found, least, tables = found + greedy.loss, least + best.loss, tables + 1
        cells = [cells[0] + greedy.loss_cells, cells[1] + best.loss_cells]
    return Result(
        name="tables_loss_against_least",
        ratio=found / max(least, 0.1),
        goal=1.5,
        better="lower",
        told=f"{tables} tables: {found:.1f} hidden for others, in prices of the search, against "
        f"{least:.1f}; {cells[0]} cells against {cells[1]}; {seconds / max(1, tables):.2f} s each",
    )


def _peers(scratch: Path) -> list[Result]:
    """Run ACRO and tau-ARGUS on the records of one table, where `make peers` installed them."""
    results = []
    for peer, records in PEERS.items():
        table = counts_of(((7, 6), (6,), (4, 3)), records, 0.95)
        began, cpu = time.perf_counter(), time.process_time()
        shown = protect(table, rule("SHMI"))
        ours, ours_cpu = time.perf_counter() - began, time.process_time() - cpu
        atom = np.repeat(np.arange(table.counts.size), table.counts.ravel())
        file = scratch / f"{peer}.npz"
        of = {"g": atom // 72, "rg": atom // 432, "a": atom // 12 % 6, "m": atom % 12}
        np.savez(file, **of, q=atom % 12 // 3)
        uv = os.environ.get("UV", "uv")  # which ran this
        run = subprocess.run(
            [uv, "run", "--quiet", "--offline", "--script", PEER, peer, file],
            capture_output=True,
            text=True,
            timeout=PEER_SECONDS_MAX,
            check=False,
        )
        name = f"tables_beside_{peer.replace('-', '_')}"
        if run.returncode:
            told = f"{peer} is not there: `make peers` installs it"
            results.append(Result(name=name, ratio=None, goal=None, better="higher", told=told))
            continue
        theirs = json.loads(run.stdout.splitlines()[-1])
        results.append(
            Result(
                name=name,
                ratio=theirs["cpu"] / max(ours_cpu, 0.001),
                goal=None,
                better="higher",
                told=f"{theirs['peer']}, {records} records: {theirs['cpu']:.2f} s of CPU time"
                f" ({theirs['seconds']:.1f} s), {theirs['cells']} cells, hidden {theirs['small']}"
                f" small and {theirs['for_others']} others; ours, from the choice to the proof:"
                f" {ours_cpu:.2f} s ({ours:.1f} s), {shown.texts.size} cells, hidden"
                f" {shown.reasons['small']} small and {shown.loss_cells} others",
            )
        )
    return results
