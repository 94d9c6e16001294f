"""HiGHS without a word: it greets on the process's output, where a table may be written to."""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import highspy
import numpy as np

NEAR: Final = 1e-6
Terms = Mapping[int, float]
"""By the number of an unknown how often it is counted."""


class _Quiet(highspy.Highs):
    def enableCallbacks(self) -> None:  # noqa: N802 — theirs; it is where the greeting is written
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


def solver() -> highspy.Highs:
    """Return a solver of one thread that writes nothing."""
    made = _Quiet()  # type: ignore[no-untyped-call]
    made.setOptionValue("threads", 1)
    return made


class Inequalities:
    """Unknown counts, none below nought, and the least and the most of sums of them."""

    def __init__(self, unknowns: int, rows: Sequence[tuple[float, float, Terms]]) -> None:
        model = highspy.HighsLp()
        model.num_col_, model.num_row_ = unknowns, len(rows)
        model.col_cost_ = np.zeros(unknowns)
        model.col_lower_ = np.zeros(unknowns)
        model.col_upper_ = np.full(unknowns, highspy.kHighsInf)
        model.row_lower_ = np.array([float(low) for low, _, _ in rows])
        model.row_upper_ = np.array([float(high) for _, high, _ in rows])
        model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        sizes = [0, *(len(terms) for _, _, terms in rows)]
        model.a_matrix_.start_ = np.cumsum(sizes).astype(np.int32)
        indices = [one for _, _, terms in rows for one in terms]
        model.a_matrix_.index_ = np.array(indices, np.int32)
        values = [by for _, _, terms in rows for by in terms.values()]
        model.a_matrix_.value_ = np.array(values, np.float64)
        self._solver = solver()
        self._solver.passModel(model)

    def bounds(self, terms: Terms) -> tuple[int, int] | None:
        """Return the whole numbers between which a sum is; None where nothing can be."""
        found: list[float] = []
        for unknown, by in terms.items():
            self._solver.changeColCost(unknown, by)
        for sense in (highspy.ObjSense.kMinimize, highspy.ObjSense.kMaximize):
            self._solver.changeObjectiveSense(sense)
            self._solver.run()
            if self._solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
                found.append(self._solver.getInfo().objective_function_value)
        for unknown in terms:
            self._solver.changeColCost(unknown, 0.0)
        if len(found) < 2:
            return None
        return math.ceil(found[0] - NEAR), math.floor(found[1] + NEAR)
