"""How people really write: spellings made by a generator that knows nothing of the scan.

Half of the seeds were kept apart while the scan was built. Own numbers and postcodes: none
missed; own dates: one in a hundred; harmless: one in a thousand.
"""

import random
from datetime import date, timedelta

import pyarrow as pa
import pytest

from pseudonymisation.engine.masking import masked

SEEDS, KEPT_APART = range(1, 6), range(101, 106)
CELLS = 4_000
BETWEEN = [
    "", " ", "-", "/", ".", "_", ", ", " - ", "  ", "   ", ":", "\u00a0", "\u2009", "\u2010",
    "\u2013", "\u200b", "\u202f", "\u3000", "\ufeff", "·", "|", "\u2212", "\u200d", " / ",
]  # fmt: skip
ALPHABETS = [0xFF10, 0x0660, 0x06F0, 0x0966, 0x1D7CE, 0x1D7F6]
MONTHS = "January February March April May June July August September October November December"


def number(chance: random.Random) -> str:
    while True:
        stem = "999" + "".join(chance.choice("0123456789") for _ in range(6))
        check = -sum(int(c) * w for c, w in zip(stem, range(10, 1, -1), strict=True)) % 11
        if check < 10 and stem != "999999999":
            return stem + str(check)


def postcode(chance: random.Random) -> str:
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    area = chance.choice(["S", "M", "EC", "AB", "WN", "DN", "B", "N", "YO"])
    district = chance.choice(["1", "9", "12", "70", "1A", "4V"])
    inward = chance.choice("0123456789") + chance.choice(letters) + chance.choice(letters)
    return f"{area}{district} {inward}"


def birth(chance: random.Random) -> date:
    return date(1915, 1, 1) + timedelta(chance.randrange(103 * 365))


def foreign(text: str, chance: random.Random) -> str:
    base = chance.choice(ALPHABETS)
    share = chance.choice([0, 0, 0.5, 1])
    return "".join(
        chr(base + int(c)) if c in "0123456789" and chance.random() < share else c for c in text
    )


def spelt_number(own: str, chance: random.Random) -> str:
    way = chance.randrange(4)
    if way == 0:
        return foreign(own, chance)
    if way == 1:
        between = chance.choice(BETWEEN)
        return foreign(between.join([own[:3], own[3:6], own[6:]]), chance)
    if way == 2:
        return "".join(c + chance.choice(BETWEEN) for c in own)
    cut = chance.randrange(1, 9)
    return foreign(own[:cut] + chance.choice(BETWEEN) + own[cut:], chance)


def spelt_postcode(own: str, chance: random.Random) -> str:
    outward, inward = own.split()
    text = chance.choice(BETWEEN).join([outward, inward])
    if chance.random() < 0.3:
        text = "".join(c + chance.choice(["", "", " ", "-", "\u200b"]) for c in outward + inward)
    return foreign(chance.choice([text, text.lower(), text.title()]), chance)


def spelt_birth(own: date, chance: random.Random) -> str:
    day, month = chance.choice([str(own.day), f"{own.day:02}"]), f"{own.month:02}"
    year = chance.choice([str(own.year), f"{own.year % 100:02}"])
    name = MONTHS.split()[own.month - 1]
    spelt = chance.choice([name, name[:3], name.upper(), name[:3].lower()])
    ending = {1: "st", 2: "nd", 3: "rd", 21: "st", 22: "nd", 23: "rd", 31: "st"}.get(own.day, "th")
    between = chance.choice(BETWEEN)
    parted = between.strip("\u200b\u200d\ufeff") or "/"
    ways = [
        f"{own.day:02}{between}{month}{between}{year}",
        f"{own.year}{between}{month}{between}{own.day:02}",
        f"{month}{between}{own.day:02}{between}{year}",
        f"{own.day}{parted}{own.month}{parted}{year}",
        f"{own.month}{parted}{own.day}{parted}{year}",
        f"{own.year}{parted}{own.month}{parted}{own.day}",
        f"{day}{between}{spelt}{between}{year}",
        f"{own.day}{ending} of {spelt} {year}",
        f"{own.day}{ending} {spelt}, {year}",
        f"{spelt} {own.day}, {own.year}",
        f"{spelt} {own.day}{ending} {own.year}",
        f"{own.year} {spelt} {day}",
        f"{own.year % 100:02}{month}{own.day:02}",
    ]
    return foreign(chance.choice(ways), chance)


def harmless(chance: random.Random) -> str:
    d = lambda n: "".join(chance.choice("0123456789") for _ in range(n))  # noqa: E731
    day = date(2018, 1, 1) + timedelta(chance.randrange(800))
    pounds = chance.randrange(10 ** chance.randrange(1, 11))
    ways = [
        f"07700 900{d(3)}", f"07700900{d(3)}", f"+447700900{d(3)}", f"+44 7700 900{d(3)}",
        f"0113 496 0{d(3)}", f"020 7946 0{d(3)}", f"(0161) 496 0{d(3)}",
        f"+44 (0)161 496 0{d(3)}",
        f"0330 {d(3)} {d(4)}", f"tel. 01632960{d(3)}",
        chance.choice("ABCDEFGHIJKLMN") + d(3), f"E{d(3)},I{d(2)}X,J{d(3)}", f"R{d(2)}A{d(2)}",
        f"{d(9)}00{d(1)}", f"SP{d(9)}", f"BR0A{d(9)}", f"{d(12)}", f"A{d(5)}", f"E0100{d(4)}",
        d(18),
        f"DARS-NIC-{d(6)}-A1B2C",
        day.isoformat(), f"{day:%d/%m/%Y}", f"{day:%d/%m/%y}", f"{day:%Y%m%d}", f"{day:%d %B %Y}",
        f"{day:%Y-%m-%dT%H:%M:%S}", f"{day:%d.%m.%Y} 10:{d(2)}",
        f"{pounds:,}", f"£{pounds:,}.{d(2)}", f"{pounds % 10**8:,}.{d(2)}",
        f"{pounds % 10**8}.{d(2)}",
    ]  # fmt: skip
    return chance.choice(ways)


def around(chance: random.Random) -> str:
    return "".join(chance.choice("ABCxyz ,;()#") for _ in range(chance.randrange(6)))


def left(seed: int, spell) -> list[str]:
    """The cells of a seed in which nothing was masked, of all with a spelling in them."""
    chance = random.Random(seed)
    people = [(number(chance), postcode(chance), birth(chance)) for _ in range(CELLS)]
    cells = [around(chance) + spell(person, chance) + around(chance) for person in people]
    numbers, postcodes, births = zip(*people, strict=True)
    _, has_hit = masked(
        pa.array(cells),
        pa.array(numbers),
        pa.array(postcodes),
        pa.array([born.isoformat() for born in births]),
    )
    return [cell for cell, hit in zip(cells, has_hit, strict=True) if not hit]


SOME = [SEEDS[0], KEPT_APART[0]]
REST = [seed for seed in (*SEEDS, *KEPT_APART) if seed not in SOME]
SEEDED = [*SOME, *(pytest.param(seed, marks=pytest.mark.long) for seed in REST)]


@pytest.mark.parametrize("seed", SEEDED)
def test_no_spelling_of_an_own_number_is_missed(seed):
    assert left(seed, lambda person, chance: spelt_number(person[0], chance)) == []


@pytest.mark.parametrize("seed", SEEDED)
def test_no_spelling_of_an_own_postcode_is_missed(seed):
    assert left(seed, lambda person, chance: spelt_postcode(person[1], chance)) == []


@pytest.mark.parametrize("seed", SEEDED)
def test_of_spellings_of_own_birth_dates_one_in_a_hundred_is_missed_at_most(seed):
    missed = left(seed, lambda person, chance: spelt_birth(person[2], chance))

    assert len(missed) <= CELLS / 100, missed[:5]


@pytest.mark.parametrize("seed", SEEDED)
def test_of_what_is_harmless_one_in_a_thousand_is_masked_at_most(seed):
    kept = left(seed, lambda _, chance: harmless(chance))

    assert CELLS - len(kept) <= CELLS / 1_000


def test_there_are_more_than_two_hundred_spellings_of_each():
    chance = random.Random(0)
    for spell, own in (
        (spelt_number, "9990000018"),
        (spelt_postcode, "S70 4NS"),
        (spelt_birth, date(1970, 1, 31)),
    ):
        assert len({spell(own, chance) for _ in range(5_000)}) > 200
