"""Who lives in the synthetic world: people, practices, postcodes, commissioners, providers.

NHS numbers are of the 999 range, which is never issued (domain.md 8.1). Codes of organisations
are real where ODS files are given, for then lists and maps agree with them.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

Strings = npt.NDArray[np.str_]
Integers = npt.NDArray[np.int64]

COMMISSIONERS = ("02P", "00L", "26A")
PREDECESSOR, SUCCESSOR = "99E", "26A"
PROVIDERS = ("R0A", "R0B", "R0D", "RJE", "RXK", "RTG")
OUTCODES: Mapping[str, Sequence[str]] = {
    "02P": ("S70", "S71", "S72", "S75"),
    "00L": ("NE61", "NE63", "NE65", "NE66"),
    "26A": ("IP1", "IP4", "IP22", "NR1"),
}
DEFAULT_POSTCODE = "ZZ99 3VZ"
"""ODS: no fixed abode."""
PRACTICES_EACH, POSTCODES_EACH = 12, 400
PEOPLE_MAX = 900_000
"""The 999 range has a million stems; one in eleven has no valid check digit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ods:
    """Codes read from the published lists."""

    trusts: tuple[str, ...]
    practices: tuple[str, ...]


def read_ods(directory: Path) -> Ods:
    """Real codes of trusts and practices, from `etr.csv` and `practices.csv` as published.

    Raises OSError where they cannot be read, ValueError where they are not those lists.
    """
    with (directory / "etr.csv").open(encoding="utf-8", newline="") as file:
        trusts = tuple(row[0] for row in csv.reader(file) if row)
    with (directory / "practices.csv").open(encoding="utf-8", newline="") as file:
        practices = tuple(sorted({row.get("Code", "") for row in csv.DictReader(file)} - {""}))
    if len(trusts) < len(PROVIDERS) or len(practices) < PRACTICES_EACH * len(COMMISSIONERS):
        raise ValueError(f"{directory} has not enough trusts in etr.csv, or practices.csv no Code")
    return Ods(trusts=trusts, practices=practices)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Columns of equal length: people by index, practices by index, postcodes by index."""

    nhs_numbers: Strings
    births: npt.NDArray[np.datetime64]
    sexes: Strings
    ethnic_groups: Strings
    practice_of: Integers
    postcode_of: Integers
    practices: Strings
    practice_commissioners: Strings
    postcodes: Strings
    postcode_commissioners: Strings
    lsoas: Strings
    areas: Mapping[str, Strings]
    """Further areas of the postcodes, by the column of the postcode map."""
    deciles: Mapping[str, int]
    """Of deprivation, by LSOA."""
    providers: tuple[str, ...]
    opted_out: tuple[str, str]
    """A pair of people who opted out (domain.md section 10)."""

    @classmethod
    def create(cls, *, people: int, seed: int, ods: Ods | None = None) -> "World":
        """Make the first so many people of a seed: who is in a small world is in a large one.

        Raises ValueError where more people are asked for than the 999 range has numbers.
        """
        if not 10 <= people <= PEOPLE_MAX:
            raise ValueError(f"between 10 and {PEOPLE_MAX} people can live here")
        practices, practice_commissioners = _practices(ods)
        postcodes, postcode_commissioners, lsoas = _postcodes()
        practice_of = _of_each("practice", seed).integers(0, len(practices), people)
        near = _of_each("near", seed).random(people) < 0.9
        home = practice_of // PRACTICES_EACH * POSTCODES_EACH + _of_each("home", seed).integers(
            0, POSTCODES_EACH, people
        )
        away = _of_each("away", seed).integers(0, len(postcodes), people)
        postcode_of = np.where(near, home, away)
        numbers = _nhs_numbers(people, _of_each("number", seed))
        oldest = np.datetime64("1925-01-01")
        days = _of_each("birth", seed).integers(0, 93 * 365, people)
        births = oldest + days.astype("timedelta64[D]")
        sexes, ethnic_groups = np.array(["1", "2", "9"]), np.array(list("ABCDEFGHJKLMNPRSZ"))
        return cls(
            nhs_numbers=numbers,
            births=births,
            sexes=_of_each("sex", seed).choice(sexes, people, p=[0.49, 0.5, 0.01]),
            ethnic_groups=_of_each("ethnic group", seed).choice(ethnic_groups, people),
            practice_of=practice_of,
            postcode_of=postcode_of,
            practices=practices,
            practice_commissioners=practice_commissioners,
            postcodes=postcodes,
            postcode_commissioners=postcode_commissioners,
            lsoas=lsoas,
            areas=_areas(),
            deciles={str(lsoa): int(lsoa[-3:]) % 10 + 1 for lsoa in lsoas},
            providers=ods.trusts[: len(PROVIDERS)] if ods else PROVIDERS,
            opted_out=(str(numbers[3]), str(numbers[4])),
        )

    def write_maps(self, directory: Path) -> tuple[Path, Path]:
        """Write `practices.csv` and `postcodes.csv`, in the layout that agreements imports."""
        directory.mkdir(parents=True, exist_ok=True)
        practices, postcodes = directory / "practices.csv", directory / "postcodes.csv"
        rows = zip(self.practices, self.practice_commissioners, strict=True)
        _write(practices, ("practice", "commissioner"), rows)
        homes = zip(
            self.postcodes,
            self.postcode_commissioners,
            self.lsoas,
            *self.areas.values(),
            strict=True,
        )
        _write(postcodes, ("postcode", "commissioner", "lsoa", *self.areas), homes)
        return practices, postcodes


def write_deciles(world: World, path: Path) -> Path:
    """Write the deciles of deprivation of its LSOAs, in the layout that agreements imports."""
    _write(path, ("lsoa", "decile"), sorted(world.deciles.items()))
    return path


def check_digits(stems: Integers) -> Integers:
    """The tenth digit of nine-digit stems, by modulus 11 (domain.md 8.1); 10 where none exists."""
    powers = 10 ** np.arange(8, -1, -1, dtype=np.int64)
    digits = stems[:, None] // powers % 10
    rest = 11 - (digits * np.arange(10, 1, -1, dtype=np.int64)).sum(axis=1) % 11
    return np.where(rest == 11, 0, rest)


def _of_each(what: str, seed: int) -> np.random.Generator:
    """Draw one thing of each person in their order, whatever else is drawn and for how many."""
    return np.random.default_rng([seed, 0, *what.encode()])


def _nhs_numbers(count: int, rng: np.random.Generator) -> Strings:
    stems = 999_000_000 + rng.permutation(1_000_000).astype(np.int64)
    # One in eleven has no check digit: of so many enough have one, or it is all of them.
    stems = stems[: count * 6 // 5 + 100]
    digits = check_digits(stems)
    number = stems * 10 + digits
    usable = (digits != 10) & (number != 9_999_999_999)
    numbers: Strings = number[usable][:count].astype(str)
    return numbers


def _practices(ods: Ods | None) -> tuple[Strings, Strings]:
    wanted = PRACTICES_EACH * len(COMMISSIONERS)
    invented = [f"Y{9000 + i:05d}" for i in range(wanted)]
    codes = list(ods.practices[:wanted]) if ods else invented
    # One practice still stands under the code of the commissioner that was merged.
    commissioners = np.repeat(np.array(COMMISSIONERS), PRACTICES_EACH)
    commissioners[-1] = PREDECESSOR
    return np.array(codes), commissioners


def _postcodes() -> tuple[Strings, Strings, Strings]:
    letters = "ABDEFGHJLNPQRSTUWXYZ"
    postcodes, commissioners, lsoas = [], [], []
    for index, commissioner in enumerate(COMMISSIONERS):
        for i in range(POSTCODES_EACH):
            outcode = OUTCODES[commissioner][i % 4]
            unit = f"{i // 4 % 9 + 1}{letters[i // 36 % 20]}{letters[(i // 4 + i // 36) % 20]}"
            postcodes.append(f"{outcode} {unit}")
            commissioners.append(commissioner)
            lsoas.append(f"E0{1000000 + index * 1000 + i // 10}")
    return np.array(postcodes), np.array(commissioners), np.array(lsoas)


AUTHORITIES = {
    "02P": ("E08000016", "E08000016"),
    "00L": ("E06000057", "E06000057"),
    "26A": ("E07000202", "E10000029"),
}
"""Of the districts in which the outcodes are: two of them have no county above them."""


def _areas() -> dict[str, Strings]:
    """Make the other areas of the postcodes, as they lie within each other."""
    found: dict[str, list[str]] = {
        "lsoa_2021": [], "msoa": [], "msoa_2021": [], "ward": [],
        "local_authority": [], "upper_local_authority": [],
    }  # fmt: skip
    for index, commissioner in enumerate(COMMISSIONERS):
        lower, upper = AUTHORITIES[commissioner]
        for i in range(POSTCODES_EACH):
            found["lsoa_2021"].append(f"E0{1030000 + index * 1000 + i // 12}")
            found["msoa"].append(f"E0{2000000 + index * 1000 + i // 50}")
            found["msoa_2021"].append(f"E0{2003000 + index * 1000 + i // 60}")
            found["ward"].append(f"E0{5000000 + index * 1000 + i // 70}")
            found["local_authority"].append(lower)
            found["upper_local_authority"].append(upper)
    return {name: np.array(codes) for name, codes in found.items()}


def _write(path: Path, header: Sequence[str], rows: object) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)  # type: ignore[arg-type]  # a zip of arrays
