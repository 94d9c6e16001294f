"""HiGHS without a word: it greets on the process's output, where a table may be written to."""

import highspy


class _Quiet(highspy.Highs):
    def enableCallbacks(self) -> None:  # noqa: N802 — theirs; it is where the greeting is written
        self.setOptionValue("output_flag", False)
        super().enableCallbacks()  # type: ignore[no-untyped-call]


def solver() -> highspy.Highs:
    """Return a solver of one thread that writes nothing."""
    made = _Quiet()  # type: ignore[no-untyped-call]
    made.setOptionValue("threads", 1)
    return made
