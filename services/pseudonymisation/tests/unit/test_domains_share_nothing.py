"""Tokens of one person in two pseudonym domains have nothing in common that can be measured (S5).

Everything here is fixed: people, keys and limits, so that it passes always or never. The limits are
six standard deviations of what chance alone gives, over as many comparisons as are made; beside
each stands a way of making tokens that shares something, and is found out by it.
"""

import base64
from collections.abc import Callable
from functools import cache

import numpy as np
import pyarrow as pa
import pytest

from pseudonymisation.engine.blocks import Cipher, views_of, words_of
from pseudonymisation.engine.tokens import Kind, Retokeniser, RowTokeniser

PEOPLE = 4_096
BITS = 128
SIGMAS = 6.0
DOMAIN, OTHER = ("sha256:" + digits * 32 for digits in ("5a", "a5"))
HAVEN_KEY, KEY, OTHER_KEY = (bytes([number]) * 32 for number in (1, 2, 3))
Bits = np.ndarray


@cache
def words() -> tuple[np.ndarray, np.ndarray]:
    """The same people's cells as they are landed, under the haven's key."""
    numbers = [f"999{number:07d}" for number in range(PEOPLE)]
    return words_of(Cipher(HAVEN_KEY).encrypt(views_of(pa.array(numbers))))


@cache
def tokens(key: bytes, domain: str) -> tuple[str, ...]:
    people = Retokeniser(kind=Kind.NUMBER, domain_key=key, domain_id=domain, haven_key=HAVEN_KEY)
    *_, head, first, second = map(pa.array, people.minted(*words()))
    made = RowTokeniser(domain_key=key, domain_id=domain).tokens([head], [(first, second)])
    return tuple(made[0].to_pylist())


def bits_of(made: tuple[str, ...]) -> Bits:
    """What of a token is not the domain's and the kind's: sixteen bytes, a row for each person."""
    blocks = [base64.urlsafe_b64decode(token)[2:] for token in made]
    return np.unpackbits(np.frombuffer(b"".join(blocks), np.uint8).reshape(PEOPLE, 16), axis=1)


def shared_bits(one: Bits, other: Bits) -> float:
    """By how many deviations more, or fewer, bits are alike than by chance."""
    alike = int(np.count_nonzero(one == other))
    return abs(alike - PEOPLE * BITS / 2) / np.sqrt(PEOPLE * BITS / 4)


def strongest_pair(one: Bits, other: Bits) -> float:
    """Of all pairs of a bit here and a bit there, how far the most alike is from chance."""
    signs, others = (np.where(bits, 1.0, -1.0) for bits in (one, other))
    return float(np.abs(signs.T @ others).max() / np.sqrt(PEOPLE))


def same_order(one: Bits, other: Bits) -> float:
    """How far the order of people by their tokens here is that by their tokens there."""
    ranks = [
        np.lexsort(np.packbits(bits, axis=1).T[::-1]).argsort().astype(float)
        for bits in (one, other)
    ]
    return float(abs(np.corrcoef(*ranks)[0, 1]) * np.sqrt(PEOPLE))


MEASURES: dict[str, Callable[[Bits, Bits], float]] = {
    "bits": shared_bits,
    "pairs": strongest_pair,
    "order": same_order,
}


def masked(bits: Bits) -> Bits:
    """Tokens that are another domain's with a mask over them."""
    mask = np.unpackbits(np.frombuffer(bytes(range(16)), np.uint8))
    return bits ^ mask


SHARING: dict[str, Callable[[Bits], Bits]] = {
    "bits": lambda bits: bits,
    "pairs": masked,
    "order": lambda bits: bits | (np.arange(BITS) >= 64),
}


@pytest.mark.parametrize("measure", MEASURES)
def test_two_domains_share_nothing_that_can_be_measured(measure):
    """Guard: the domain's own key in `Retokeniser`."""
    mine, theirs = tokens(KEY, DOMAIN), tokens(OTHER_KEY, OTHER)

    assert len(set(mine)) == len(set(theirs)) == PEOPLE
    assert set(mine).isdisjoint(theirs)
    assert MEASURES[measure](bits_of(mine), bits_of(theirs)) < SIGMAS


@pytest.mark.parametrize("measure", MEASURES)
def test_what_shares_something_would_be_found_out(measure):
    mine = bits_of(tokens(KEY, DOMAIN))

    assert MEASURES[measure](mine, SHARING[measure](mine)) > SIGMAS


def test_by_one_key_two_domains_would_be_one():
    """What the key does, and not the domain's name: by one key the tokens share all their bits."""
    one, other = (bits_of(tokens(KEY, domain)) for domain in (DOMAIN, OTHER))

    assert np.array_equal(one, other)
