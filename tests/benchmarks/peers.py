# /// script
# requires-python = ">=3.11"
# dependencies = ["acro==1.0.2", "pytauargus==0.6.0"]
# ///
"""What others do with the same records: ACRO's crosstab, and tau-ARGUS (docs/adr/0083).

In an environment of its own, since ACRO needs an older pandas and tau-ARGUS is under the EUPL:
`make peers` installs it, and nothing of ours needs it. Reads a table of records (`g`, `rg`, `a`,
`m`, `q` by number) and prints a line of JSON.
"""

import contextlib
import json
import logging
import os
import sys
import tempfile
import time
from typing import Any

import numpy as np
import pandas as pd

LIMIT = 8
"""SHMI and HES hide what is below."""


def crosstab(records: pd.DataFrame) -> dict[str, Any]:
    """ACRO hides small cells, and nothing for their sake."""
    import acro

    logging.disable(logging.CRITICAL)
    session = acro.ACRO(suppress=True)
    acro.acro_tables.THRESHOLD = LIMIT
    began, cpu = time.perf_counter(), time.process_time()
    shown = session.crosstab(records.g, [records.a, records.m])
    return {
        "peer": "ACRO crosstab",
        "seconds": time.perf_counter() - began,
        "cpu": time.process_time() - cpu,
        "cells": int(shown.size),
        "small": int(shown.isna().sum().sum()),
        "for_others": 0,
        "records": len(records),
    }


def tau_argus(records: pd.DataFrame) -> dict[str, Any]:
    """tau-ARGUS hides small cells and by its modular approach others; what is shown is exact."""
    import pytauargus

    names = {
        name: [f"{name}{value:02d}" for value in column.tolist()]
        for name, column in records.items()
    }
    names["one"] = [1] * len(records)
    with tempfile.TemporaryDirectory() as place:
        began, cpu = time.perf_counter(), time.process_time()
        made = pytauargus.protect(
            names,
            ["g", "a", "m"],
            "one",
            f"FREQ({LIMIT},30)",
            suppress="MOD(1,1)",
            hrc={"g": "g > rg", "m": "m > q"},
            workdir=place,
        )
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        found = [row["status"] for row in made.tables[0].rows]
    return {
        "peer": "tau-ARGUS",
        "seconds": seconds,
        "cpu": cpu,
        "cells": len(found),
        "small": found.count("U"),
        "for_others": found.count("M"),
        "records": len(records),
    }


PEERS = {"acro": crosstab, "tau-argus": tau_argus}


def main() -> None:
    """Run one peer on the records of a file."""
    which, path = sys.argv[1:]
    place = tempfile.mkdtemp()
    os.chdir(place)  # both write beside themselves
    records = pd.DataFrame(dict(np.load(path)))
    with contextlib.redirect_stdout(sys.stderr):
        found = PEERS[which](records)
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
