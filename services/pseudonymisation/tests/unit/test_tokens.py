"""The kernel against oracles that go row by row, written from domain.md 8.1 and 8.2."""

import os
import re
import threading
from functools import lru_cache

import nhs_number
import numpy as np
import pyarrow as pa
import pybase64
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher as OneCipher
from cryptography.hazmat.primitives.ciphers import algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESSIV
from hypothesis import given, settings
from hypothesis import strategies as st

from pseudonymisation.engine.blocks import BATCH, Cipher, Words, derive, views_of, words_of
from pseudonymisation.engine.errors import Altered
from pseudonymisation.engine.nhs_numbers import valid_numbers
from pseudonymisation.engine.sealing import Sealer, Siv
from pseudonymisation.engine.tokens import PLACE_FREE, Kind, Retokeniser, RowTokeniser

VALID = [
    "9990000018",
    "9990000026",
    "9990000034",
    "9990000042",
    "9990000050",
    "9990000069",
    "9990000077",
    "9990000085",
    "9990000093",
    "9990000107",
    "9993395633",
    "9999939082",
    "9991581766",
    "9994140027",
    "9990506310",
    "9990759545",
    "9998611687",
    "9990987025",
    "9991112758",
    "9990393176",
]
WRONG_CHECK_DIGIT = ["9990000019", "9993395634", "9999939083", "9000543664", "9111111124"]
DOMAIN = "sha256:" + "5a" * 32
OTHER_DOMAIN = "sha256:" + "a5" * 32


def oracle(text: str | None) -> bool:
    """Weights 10 to 2 on nine digits; 11 less the remainder; 11 is 0, 10 never issued."""
    if text is None or re.fullmatch(r"[0-9]{10}", text) is None:
        return False
    if len(set(text)) == 1 or re.fullmatch(r"([1-9])0{8}\1", text):
        return False
    remainder = 11 - sum(int(d) * w for d, w in zip(text[:9], range(10, 1, -1), strict=True)) % 11
    return remainder != 10 and int(text[9]) == remainder % 11


def words(numbers: list[str], key: bytes) -> tuple[Words, Words]:
    return words_of(Cipher(key).encrypt(views_of(pa.array(numbers))))


def people(domain_key: bytes, haven_key: bytes, domain_id: str = DOMAIN) -> Retokeniser:
    return Retokeniser(
        kind=Kind.NUMBER, domain_key=domain_key, domain_id=domain_id, haven_key=haven_key
    )


@pytest.mark.scenario("N01")
@pytest.mark.parametrize("text", ["9990000019", "9999999999", "999 000 001"])
def test_what_is_no_nhs_number_is_refused(text):
    assert valid_numbers(pa.array([text])).tolist() == [False]


@pytest.mark.scenario("N01")
def test_the_published_examples_are_accepted():
    assert valid_numbers(pa.array(VALID)).all()


def test_wrong_check_digits_are_refused():
    assert not valid_numbers(pa.array(WRONG_CHECK_DIGIT)).any()


def test_a_stem_whose_check_digit_would_be_ten_has_no_valid_number():
    for stem in ("999000000", "999000014", "999000028", "999000031"):
        assert not valid_numbers(pa.array([f"{stem}{d}" for d in range(10)])).any()


def test_patterns_that_are_never_issued_are_refused_although_the_check_digit_fits():
    patterns = [str(d) * 10 for d in range(10)] + [f"{d}00000000{d}" for d in range(1, 10)]

    for pattern in patterns:
        assert sum(int(d) * w for d, w in zip(pattern, range(10, 0, -1), strict=True)) % 11 == 0
    assert not valid_numbers(pa.array(patterns)).any()


def test_what_is_not_ten_digits_is_refused():
    malformed = ["", "999000001", "99900000180", "999000001A", "999000001:", "999000001/"]
    spaced = ["999-000001", "999000001\0", " 990000018", "9990000018" * 50]
    foreign = ["\xff990000018", "\uff19\uff19\uff190000018", "\u0669990000018", None]
    odd = malformed + spaced + foreign

    assert not valid_numbers(pa.array(odd)).any()


def test_each_of_many_numbers_is_judged_as_the_oracle_and_the_nhs_number_library_do():
    rng = np.random.default_rng(8)
    texts = [f"999{n:07d}" for n in rng.integers(0, 10_000_000, 30_000)]

    found = valid_numbers(pa.array(texts)).tolist()

    assert found == [oracle(t) for t in texts]
    assert found == [oracle(t) and nhs_number.is_valid(t) for t in texts]
    assert 2_400 < sum(found) < 3_000


@given(
    st.lists(
        st.one_of(st.none(), st.text(max_size=14), st.from_regex(r"[0-9]{10}", fullmatch=True))
    )
)
@settings(max_examples=200, deadline=None)
def test_any_text_is_judged_as_the_oracle_does(texts):
    column = pa.array(texts, pa.string())

    assert valid_numbers(column).tolist() == [oracle(t) for t in texts]


def test_a_slice_and_a_chunked_column_are_judged_row_by_row():
    texts = ["x", *VALID, None, "9990000019"]
    column = pa.array(texts)

    assert valid_numbers(column.slice(3, 5)).all()
    assert valid_numbers(column.cast(pa.string_view()).slice(3, 5)).all()
    chunked = pa.chunked_array([column.slice(0, 4), column.slice(4)])
    assert valid_numbers(chunked).tolist() == [oracle(t) for t in texts]
    assert valid_numbers(pa.chunked_array([], pa.string())).tolist() == []


def test_stale_bytes_behind_a_null_are_not_taken_for_a_number():
    views = views_of(pa.array(["9990000018", "9990000026"]))
    stale = pa.Array.from_buffers(
        pa.string_view(), 2, [pa.py_buffer(b"\x02"), pa.py_buffer(views.tobytes())]
    )

    assert valid_numbers(stale).tolist() == [False, True]


def test_a_cell_is_one_aes_256_block_of_length_and_digits():
    key = os.urandom(32)
    first, second = words(VALID, key)

    for number, a, b in zip(VALID, first, second, strict=True):
        block = b"\x0a\0\0\0" + number.encode() + b"\0\0"
        encryptor = OneCipher(algorithms.AES(key), modes.ECB()).encryptor()
        assert int(a).to_bytes(8, "little") + int(b).to_bytes(8, "little") == encryptor.update(
            block
        )


def test_a_token_has_24_characters_begins_with_a_letter_and_is_never_ten_digits():
    haven = os.urandom(32)
    tokens = people(os.urandom(32), haven).text(*words(VALID * 500, haven)).to_pylist()

    assert len(tokens) == 10_000
    assert all(re.fullmatch(r"P[A-Za-z0-9_-]{23}", t) for t in set(tokens))


@pytest.mark.scenario("R19")
def test_tokens_of_one_person_are_equal_in_one_domain_and_differ_between_two():
    haven = os.urandom(32)
    cells = words(VALID, haven)
    one, other = os.urandom(32), os.urandom(32)

    april = people(one, haven).text(*cells).to_pylist()
    may = people(one, haven).text(*(np.flip(c) for c in cells)).to_pylist()
    elsewhere = people(other, haven, OTHER_DOMAIN).text(*cells).to_pylist()

    assert april == may[::-1]
    assert len(set(april)) == len(VALID)
    assert set(april).isdisjoint(elsewhere)
    assert {t[3:] for t in april}.isdisjoint(t[3:] for t in elsewhere)


PEOPLE_IN_BOTH = 8_000
FAR = 5.0
"""So many standard deviations off is what chance does once in two million."""


@lru_cache(maxsize=1)
def of_both_domains():
    """The blocks of the same people, one after another by number, in two domains."""
    stems = (n for n in range(999_000_000, 999_100_000))
    people = (f"{stem}{check}" for stem in stems if (check := check_digit(stem)) is not None)
    numbers = pa.array([next(people) for _ in range(PEOPLE_IN_BOTH)]).cast(pa.string_view())
    haven = bytes(range(32))
    sealed = words_of(Cipher(haven).encrypt(views_of(numbers)))
    found = []
    for domain, key in ((DOMAIN, bytes([1]) * 32), (OTHER_DOMAIN, bytes([2]) * 32)):
        made = Retokeniser(
            kind=Kind.NUMBER, domain_key=key, domain_id=domain, haven_key=haven
        ).binary(*sealed)
        blocks = np.frombuffer(b"".join(made.to_pylist()), np.uint8).reshape(-1, 16)
        found.append(np.unpackbits(blocks, axis=1).astype(np.int64))
    return found


def check_digit(stem):
    remainder = 11 - sum(int(d) * w for d, w in zip(str(stem), range(10, 1, -1), strict=True)) % 11
    return None if remainder == 10 else remainder % 11


def alike(one, other):
    """How many people have the same in each bit of one domain and each of the other."""
    a, b = one.astype(np.float64), other.astype(np.float64)  # which are multiplied fast
    return a.T @ b + (1 - a).T @ (1 - b)


def is_by_chance(ones, among):
    """Whether each number of ones is what fair coins would give."""
    off = np.abs(np.asarray(ones) - among / 2) / (np.sqrt(among) / 2)
    return bool((off < FAR).all())


@pytest.mark.scenario("R18")
def test_two_domains_share_nothing_that_can_be_counted():
    """S5: bit against bit, place against place, and neighbour against neighbour."""
    one, other = of_both_domains()

    blocks = [set(map(bytes, np.packbits(bits.astype(np.uint8), axis=1))) for bits in (one, other)]
    assert [len(found) for found in blocks] == [PEOPLE_IN_BOTH] * 2
    assert not blocks[0] & blocks[1]
    assert is_by_chance((one ^ other).sum(axis=0), PEOPLE_IN_BOTH)
    # Of each bit of one domain and each of the other: how often both are alike.
    assert is_by_chance(alike(one, other), PEOPLE_IN_BOTH)
    # Whether two people who stand in one order in one domain do in the other as well.
    first, second = (bits[:, :32] @ (1 << np.arange(31, -1, -1)) for bits in (one, other))
    same = (first[::2] < first[1::2]) == (second[::2] < second[1::2])
    assert is_by_chance([same.sum()], len(same))


def test_what_shares_something_would_be_counted():
    """Else nothing could fail the test above."""
    one, other = of_both_domains()
    leaky = other.copy()
    leaky[::10, 77] = one[::10, 5]

    assert not is_by_chance(alike(one, leaky), PEOPLE_IN_BOTH)


def test_a_token_does_not_change_when_the_havens_key_does():
    domain, before, after = os.urandom(32), os.urandom(32), os.urandom(32)

    assert people(domain, before).text(*words(VALID, before)).to_pylist() == (
        people(domain, after).text(*words(VALID, after)).to_pylist()
    )


def test_kinds_of_one_domain_have_keys_of_their_own():
    domain = os.urandom(32)
    cells = words_of(np.frombuffer(os.urandom(160), dtype=np.uint8).reshape(-1, 16))
    tokens = {
        kind: Retokeniser(kind=kind, domain_key=domain, domain_id=DOMAIN).text(*cells).to_pylist()
        for kind in (Kind.NO_NUMBER, Kind.CELL)
    }

    assert all(t.startswith("L") for t in tokens[Kind.NO_NUMBER])
    assert all(t.startswith("I") for t in tokens[Kind.CELL])
    assert {t[3:] for t in tokens[Kind.NO_NUMBER]}.isdisjoint(t[3:] for t in tokens[Kind.CELL])


def test_whole_columns_and_the_binary_form_agree():
    haven, domain = os.urandom(32), os.urandom(32)
    count = 3 * BATCH + 17
    numbers = [f"999{n:07d}" for n in range(count)]
    cells = words(numbers, haven)
    tokens = people(domain, haven)

    whole = tokens.text(*cells)
    binary = tokens.binary(*cells)

    assert len(whole) == len(set(whole.to_pylist())) == len(binary) == count
    assert len(set(binary.to_pylist())) == count
    first = pybase64.b64decode(whole[0].as_py(), altchars=b"-_")
    assert first[2:] == binary[0].as_py()


def test_minted_tokens_stand_in_the_order_of_their_text():
    haven, domain = os.urandom(32), os.urandom(32)
    texts, places = [], []
    numbers = words([f"999{n:07d}" for n in range(20_000)], haven)
    for tokens, cells in (
        (people(domain, haven), numbers),
        (Retokeniser(kind=Kind.NO_NUMBER, domain_key=domain, domain_id=DOMAIN), numbers),
    ):
        minted = tokens.minted(*cells)
        assert not (minted.following & np.uint64((1 << PLACE_FREE) - 1)).any()
        texts += tokens.text(*cells).to_pylist()
        places += zip(minted.leading.tolist(), minted.following.tolist(), strict=True)

    assert len(set(places)) == len(texts)
    assert [text for _, text in sorted(zip(places, texts, strict=True))] == sorted(texts)


@pytest.mark.parametrize("rows", [1, 7, 2_048])
def test_tokens_of_rows_are_those_of_each_column_by_itself(rows):
    haven, domain = os.urandom(32), os.urandom(32)
    person = words([f"999{n:07d}" for n in range(rows)], haven)
    cell = words([f"{n:010d}" for n in range(rows)], haven)
    minted = people(domain, haven).minted(*person)
    absent = np.arange(rows) % 3 == 1
    whole = [pa.array(word, mask=absent) for word in cell]
    longer = [pa.concat_arrays([word.slice(0, 1), word]) for word in whole]

    made = RowTokeniser(domain_key=domain, domain_id=DOMAIN).tokens(
        [pa.array(minted.head)],
        [
            (pa.array(minted.first), pa.array(minted.second)),
            (whole[0], whole[1]),
            (longer[0].slice(1), longer[1].slice(1)),
        ],
    )

    cells = Retokeniser(kind=Kind.CELL, domain_key=domain, domain_id=DOMAIN).text(*cell)
    wanted = [None if gone else t for gone, t in zip(absent, cells.to_pylist(), strict=True)]
    for column in made:
        column.validate(full=True)
    assert [column.to_pylist() for column in made] == [
        people(domain, haven).text(*person).to_pylist(),
        wanted,
        wanted,
    ]


def test_only_the_domains_key_and_the_whole_check_lead_back_to_a_number():
    haven, domain = os.urandom(32), os.urandom(32)
    tokens = people(domain, haven).text(*words(VALID, haven)).combine_chunks()
    elsewhere = people(os.urandom(32), haven).text(*words(VALID, haven)).combine_chunks()
    changed = pa.array([t[:-1] + ("A" if t[-1] != "A" else "B") for t in tokens.to_pylist()])
    invented = pa.array([None, "", "9990000018", "P" * 24, "=" * 24, "P" + "é" * 23])

    assert people(domain, haven).numbers(tokens).to_pylist() == VALID
    assert set(people(domain, haven).numbers(elsewhere).to_pylist()) == {None}
    assert set(people(domain, haven).numbers(changed).to_pylist()) == {None}
    assert set(people(domain, haven).numbers(invented).to_pylist()) == {None}


def test_what_is_sealed_without_a_valid_number_never_leads_back():
    haven, domain = os.urandom(32), os.urandom(32)
    tokens = people(domain, haven).text(*words(WRONG_CHECK_DIGIT, haven)).combine_chunks()

    assert set(people(domain, haven).numbers(tokens).to_pylist()) == {None}


@given(st.lists(st.one_of(st.none(), st.text(max_size=90))))
@settings(max_examples=150, deadline=None)
def test_sealed_cells_open_again_equal_values_are_equal_and_nulls_stay(texts):
    column = pa.array(texts, pa.string())
    sealer = Sealer(b"k" * 32, b"l" * 32)

    cells = sealer.seal(column)

    assert sealer.open(cells).to_pylist() == texts
    pairs = list(zip(cells.first.to_pylist(), cells.second.to_pylist(), strict=True))
    known = [(t, p) for t, p in zip(texts, pairs, strict=True) if t is not None]
    assert len({t for t, _ in known}) == len({p for _, p in known}) == len(set(known))
    for text, pair, rest in zip(texts, pairs, cells.rest.to_pylist(), strict=True):
        assert (pair == (None, None)) == (text is None)
        assert (rest is not None) == (text is not None and len(text.encode()) > 12)


@pytest.mark.parametrize("length", [1, 13, 15, 16, 17, 31, 32, 33, 48, 255, 4_000])
def test_long_values_are_aes_siv_bit_for_bit(length):
    key = os.urandom(32)
    one_by_one = AESSIV(derive(key, "siv/mac") + derive(key, "siv/counter"))
    values = [os.urandom(length) for _ in range(7)]

    ivs, sealed = Siv(key).seal(pa.array(values, pa.binary()))

    for value, iv, ciphertext in zip(values, ivs, sealed.to_pylist(), strict=True):
        assert one_by_one.encrypt(value, None) == iv.tobytes() + ciphertext


def test_an_altered_long_value_does_not_open():
    siv = Siv(os.urandom(32))
    ivs, sealed = siv.seal(pa.array(["a value that is longer than a block"]))
    altered = bytearray(sealed[0].as_py())
    altered[3] ^= 1

    with pytest.raises(Altered):
        siv.open(ivs, pa.array([bytes(altered)], pa.binary()))


def test_each_thread_with_its_own_retokeniser_makes_the_same_tokens():
    haven, domain = os.urandom(32), os.urandom(32)
    cells = words(VALID * 2_000, haven)
    expected = people(domain, haven).text(*cells)
    made = []

    def work() -> None:
        made.append(people(domain, haven).text(*cells))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(made) == 4
    assert all(m == expected for m in made)


def test_keys_of_another_length_are_refused():
    with pytest.raises(ValueError, match="32 bytes"):
        Cipher(b"short")
    with pytest.raises(ValueError, match="only for them"):
        Retokeniser(kind=Kind.NUMBER, domain_key=b"d" * 32, domain_id=DOMAIN)
    with pytest.raises(ValueError, match="lead back"):
        Retokeniser(kind=Kind.CELL, domain_key=b"d" * 32, domain_id=DOMAIN).numbers(pa.array(["x"]))
