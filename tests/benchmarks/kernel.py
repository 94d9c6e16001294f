"""The kernel: haven tokens to a domain's tokens, against an `hmac` loop and polars-hash."""

import hmac
import secrets
from hashlib import sha256
from pathlib import Path

import numpy as np
import polars as pl
import polars_hash  # noqa: F401 - registers the `nchash`/`chash` namespaces
import pyarrow as pa

from pseudonymisation.engine.blocks import Cipher, views_of, words_of
from pseudonymisation.engine.tokens import Kind, Retokeniser
from tests.benchmarks.measure import Result, turns

ROWS = 10_000_000
LOOP_ROWS = 300_000
"""The loop is linear and slow; its rate is taken from so many rows."""
ROUNDS = 5


def run(scale: float, _scratch: Path) -> list[Result]:
    rows = int(ROWS * scale)
    numbers = numbers_of(rows)
    haven, domain = secrets.token_bytes(32), secrets.token_bytes(32)
    first, second = words_of(Cipher(haven).encrypt(views_of(numbers)))
    retokeniser = Retokeniser(
        kind=Kind.NUMBER,
        domain_key=domain,
        domain_id="sha256:" + "0" * 64,
        haven_key=haven,
    )
    few = numbers.slice(0, min(rows, LOOP_ROWS)).to_pylist()
    column = pl.Series(numbers)

    def loop() -> list[str]:
        key = domain
        return [hmac.new(key, n.encode(), sha256).hexdigest() for n in few]

    text = turns(lambda: retokeniser.text(first, second), loop, rounds=ROUNDS)
    binary = turns(lambda: retokeniser.binary(first, second), loop, rounds=ROUNDS)
    frame = pl.DataFrame({"n": column})
    rival = turns(
        lambda: retokeniser.text(first, second),
        lambda: frame.select(pl.col("n").chash.hmac_sha256(key=domain.hex())),
        rounds=ROUNDS,
    )
    share = rows / len(few)
    return [
        Result(
            name="kernel",
            ratio=share / text.ratio,
            goal=150,
            better="higher",
            told=f"haven tokens to text, whole column of {rows:,} kept, against an hmac loop "
            f"(rate over {len(few):,}); {text.spread} of its time;"
            f" {share / text.cpu_ratio:.0f} times by the cores' seconds",
        ),
        Result(
            name="kernel binary",
            ratio=share / binary.ratio,
            goal=150,
            better="higher",
            told=f"the same to 16 bytes, {rows:,} rows, against the hmac loop;"
            f" {share / binary.cpu_ratio:.0f} times by the cores' seconds",
        ),
        Result(
            name="kernel polars-hash",
            ratio=1 / rival.ratio,
            goal=15,
            better="higher",
            told=f"the same to text against polars-hash hmac_sha256; {rival.spread} of its time",
        ),
    ]


def numbers_of(rows: int) -> pa.Array:
    """Synthetic ten-digit numbers of the test range, as Arrow text: what is timed is the cipher."""
    digits = 9_990_000_000 + np.arange(rows, dtype=np.int64) % 10_000_000
    text = pa.array(digits).cast(pa.string())
    return text.cast(pa.string_view())
