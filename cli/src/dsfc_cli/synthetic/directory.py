"""A synthetic postcode directory in the layout of the ONS, of any size, in flat memory."""

from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Final

HEADER: Final = (
    "pcd,pcd2,pcds,dointr,doterm,oscty,ced,oslaua,osward,parish,usertype,oseast1m,osnrth1m,"
    "osgrdind,oshlthau,nhser,ctry,rgn,streg,pcon,eer,teclec,ttwa,pct,itl,statsward,oa01,casward,"
    "npark,lsoa01,msoa01,ur01ind,oac01,oa11,lsoa11,msoa11,wz11,sicbl,bua11,buasd11,ru11ind,oac11,"
    "lat,long,lep1,lep2,pfa,imd,calncv,icb,oa21,lsoa21,msoa21"
)
NAMES: Final = HEADER.split(",")
LETTERS: Final = "ABDEFGHJLNPQRSTUWXYZ"
"""Of the last two places of a postcode."""
UNITS: Final = 10 * len(LETTERS) ** 2
DISTRICTS: Final = 99
CHUNK: Final = 20_000
CROWN: Final = ("JE", "GY", "IM")
"""Of postcodes that the directory has without areas."""
COUNTIES: Final = 3
"""One authority in so many is a district of a county."""
LSOA, MSOA, WARD, AUTHORITY, COMMISSIONER = 16, 75, 70, 8_000, 25_000
"""So many postcodes are in one, about as in a real edition."""


def generate_directory(
    path: Path,
    *,
    rows: int,
    seed: int,
    progress: Callable[[int], object] = lambda _: None,
) -> None:
    """Write a directory; the same seed makes the same bytes.

    One postcode in three has ended; one in five hundred is of a crown dependency and has no areas;
    what has no county, and what stands outside England, has pseudo codes.
    """
    rng = Random(seed)  # noqa: S311 - synthetic data
    with path.open("w", encoding="ascii", newline="") as file:
        file.write(HEADER + "\n")
        for start in range(0, rows, CHUNK):
            end = min(start + CHUNK, rows)
            file.writelines(_lines(start, end, rng))
            progress(end - start)


def _lines(start: int, end: int, rng: Random) -> Iterator[str]:
    for number in range(start, end):
        cells = dict.fromkeys(NAMES, "")
        outward, inward = _postcode(number)
        is_crown = number % 500 == 499
        if is_crown:
            outward = f"{CROWN[number // 500 % len(CROWN)]}{outward[2:]}"
        cells["pcd"] = f"{outward:<4}{inward}"
        cells["pcd2"] = f"{outward:<5}{inward}"
        cells["pcds"] = f"{outward} {inward}"
        cells["dointr"] = "198001"
        if rng.random() < 1 / 3:
            cells["doterm"] = f"{rng.randrange(1996, 2023)}{rng.randrange(1, 13):02}"
        cells |= _none() if is_crown else _areas(number)
        yield ",".join(cells.values()) + "\n"


def _postcode(number: int) -> tuple[str, str]:
    """Number postcodes: as many as two letters, a district and its units make."""
    district, unit = divmod(number, UNITS)
    area, place = divmod(district, DISTRICTS)
    first, second = divmod(area, len(LETTERS))
    sector, pair = divmod(unit, len(LETTERS) ** 2)
    one, other = divmod(pair, len(LETTERS))
    outward = f"{LETTERS[first % len(LETTERS)]}{LETTERS[second]}{place + 1}"
    return outward, f"{sector}{LETTERS[one]}{LETTERS[other]}"


def _none() -> dict[str, str]:
    names = ("oscty", "oslaua", "osward", "lsoa11", "msoa11", "sicbl", "lsoa21", "msoa21")
    return dict.fromkeys(names, "L99999999")


def _areas(number: int) -> dict[str, str]:
    authority = number // AUTHORITY
    has_county = authority % COUNTIES == 0
    kind = 7 if has_county else 6
    return {
        "oscty": f"E10{authority // 30:06}" if has_county else "E99999999",
        "oslaua": f"E0{kind}{authority:06}",
        "osward": f"E05{number // WARD:06}",
        "lsoa11": f"E01{number // LSOA:06}",
        "msoa11": f"E02{number // MSOA:06}",
        "sicbl": f"E38{number // COMMISSIONER:06}",
        "imd": str(number // LSOA % 32_844 + 1),
        "lsoa21": f"E01{(number + 5) // LSOA:06}",
        "msoa21": f"E02{(number + 20) // MSOA:06}",
        "ctry": "E92000001",
    }
