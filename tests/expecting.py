"""What an extract must hold, said by plain loops over a file's own lines, from domain.md.

Nothing of landing or of preparation is used: what the catalogue's files say of each column, and the
oracles of the haven's own tests, which are written from domain.md as well.
"""

import csv
import io
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from catalogue import DataSet, Derivation, LandingRules, Normal, Treatment
from dsfc_cli.synthetic import World
from services.pseudonymisation.tests import oracle
from services.pseudonymisation.tests.landed import Haven, is_nhs_number, siv, token
from statements.vocabulary import REASONS

HIDDEN, DROPPED = "whose identity is withheld", "what goes with it"
"""Said of a record beside its values."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a line of an agreement opens."""

    columns: Mapping[str, Treatment]
    codes: Collection[str]
    """Of whom people must be, by one of the reasons, where records are about people."""
    reasons: Collection[str] = REASONS
    domain_key: bytes
    domain_id: str
    caps_years: bool = False
    """Whether a year of birth is that of somebody who is just 90 at the activity (domain.md 8.3):
    dissemination asks for it so, and the engine by itself does not."""


def known_of(
    world: World, *, sites: Mapping[str, str], deciles: Mapping[str, int] | None = None
) -> oracle.World:
    """Say what the maps of a world say."""
    areas = zip(world.postcode_commissioners, world.lsoas, strict=True)
    homes = dict(zip(map(str, world.postcodes), areas, strict=True))
    practices = zip(map(str, world.practices), map(str, world.practice_commissioners), strict=True)
    return oracle.World(
        world.providers[0],
        dict(practices),
        {home: (str(c), str(a)) for home, (c, a) in homes.items()},
        sites,
        {
            str(home): {name: str(codes[at]) for name, codes in world.areas.items()}
            for at, home in enumerate(world.postcodes)
        },
        dict(world.deciles if deciles is None else deciles),
    )


class Expected:
    """The rows of an extract, from the file that its edition was landed from."""

    def __init__(
        self,
        haven: Haven,
        world: oracle.World,
        data_set: DataSet,
        rules: LandingRules,
        *,
        edition: UUID,
        asked: Asked,
    ) -> None:
        self.haven, self.world, self.edition, self.asked = haven, world, edition, asked
        self.data_set, self.rules = data_set, rules

    def rows(self, text: str, *, without: Collection[int]) -> Iterator[tuple[Any, ...]]:
        """Give the rows that leave, of a file of which some lines are set aside."""
        found = [*self.values(text, without)]
        for line, value in found:
            yield from self.row(line, value, [one for _, one in found])

    def values(self, text: str, without):
        """Give the records that are landed, each with its line; those withheld lack what goes."""
        for line, record in enumerate(csv.DictReader(io.StringIO(text)), start=2):
            if line in without:
                continue
            value = {
                field.name: self.read(field, record.get(field.label, "")) or None
                for field in self.data_set.fields
            }
            hold = self.rules.withhold_of(self.data_set)
            hidden = bool(hold) and any(
                value.get(column) in {"1", "3"}
                for when in hold.when
                if when.code == "CONFIDENTIAL"
                for column in when.columns
            )
            yield line, value | {HIDDEN: hidden, DROPPED: set(hold.drop) if hidden and hold else ()}

    def row(self, line: int, value, every):
        hidden, dropped = value[HIDDEN], value[DROPPED]
        hold = self.rules.withhold_of(self.data_set)
        named = {
            letter: code
            for letter, reason in self.data_set.population.items()
            if letter in self.asked.reasons
            and not (hidden and hold and letter not in hold.reasons)
            and (code := self.commissioner(reason, value)) in self.asked.codes
        }
        if self.data_set.population and not named:
            return
        told = (
            ";".join(f"{letter}:{named[letter]}" for letter in REASONS if letter in named) or None
        )
        person = self.person(value, line, hidden=hidden)
        cells = (self.cell(n, t, value, dropped, every) for n, t in self.asked.columns.items())
        yield (person, told, *cells)

    def of_the_same(self, made, value, every):
        """Give the records with the same local identifier, of that provider and month."""
        provider = self.data_set.person.provider
        return [
            other
            for other in every
            if made.source not in other[DROPPED]
            and other[made.source] == value[made.source]
            and (provider is None or self.provider(other) == self.provider(value))
            and other[self.data_set.periods.field][:7] == value[self.data_set.periods.field][:7]
        ]

    def provider(self, value) -> str:
        return self.world.entity(value.get(self.data_set.person.provider or "")) or (
            self.world.provider
        )

    @staticmethod
    def read(field, text: str) -> str:
        text = text.strip()
        if Normal.UPPER in field.normal:
            text = text.upper()
        return text

    def commissioner(self, reason, value) -> str | None:
        text = value.get(reason.field or "")
        if reason.source == "local_authority":
            tiers = ("upper_local_authority", "local_authority")
            found = [oracle.derived(tier, text, None, self.world) for tier in tiers]
            return next((code for code in found if code in self.asked.codes), found[-1])
        return oracle.reason(reason.source, text, self.world)

    def person(self, value, line: int, *, hidden: bool) -> str:
        person = self.data_set.person
        number = value.get(person.nhs_number or "")
        if is_nhs_number(number) and not hidden:
            block = (10).to_bytes(4, "little") + number.encode() + b"\0\0"
            return token(self.haven, "P", block, self.asked)
        own = value.get(person.local_id or "")
        provider = self.provider(value)
        known = f"{self.edition}\x1f{line}" if own is None or hidden else f"{provider}\x1f{own}"
        sealer = siv(self.haven.key("haven/person_without_number"))
        return token(self.haven, "L", sealer.encrypt(known.encode(), None)[:16], self.asked)

    def cell(self, name: str, treatment: Treatment, value, dropped, every):  # noqa: PLR0911 - a type a line
        made = {d.name: d for d in self.data_set.derived}.get(name)
        if made is not None:
            return None if made.source in dropped else self.derived(made, value, every)
        field, text = self.data_set.by_name[name], value[name]
        if text is None or name in dropped:
            return None
        if treatment is Treatment.IDENTIFIED:  # as the file has it, in normal form
            return oracle.postcode(text) if field.identifier == "postcode" else text
        if treatment is Treatment.PSEUDONYM:
            return token(self.haven, "I", self.haven.cell(text, field.identifier)[0], self.asked)
        match field.type:
            case "integer":
                number = int(text)
                caps = [c for c in (field.cap, 90 if field.tells == "age_years" else None) if c]
                return min(number, *caps) if caps else number
            case "decimal":
                return float(text) if field.cap is None else min(float(text), field.cap)
            case "date" | "datetime":
                return _dated(text, treatment)
            case _:
                return text if field.codes else oracle.masked(text, self.own(value))

    def own(self, value) -> oracle.Own:
        person = self.data_set.person
        names = (person.nhs_number, person.postcode, person.date_of_birth)
        return oracle.Own(*(value.get(name or "") for name in names))

    def derived(self, made, value, every):  # noqa: PLR0911 - a form a line
        source = value[made.source]
        if source is None:
            return None
        clock = source[-5:] if ":" in source else None
        match made.derivation:
            case Derivation.HOUR:
                return int(clock[:2])
            case Derivation.WEEKDAY:
                return date.fromisoformat(source[:10]).isoweekday()
            case Derivation.DATE:
                return date.fromisoformat(source[:10])
            case Derivation.RECORDS:
                return len(self.of_the_same(made, value, every))
            case Derivation.POSITION:
                together = self.of_the_same(made, value, every)
                in_order = sorted(together, key=lambda one: one[made.at])  # then as in the file
                return 1 + next(n for n, one in enumerate(in_order) if one is value)
            case Derivation.BAND:
                field = self.data_set.by_name[made.source]
                number = float(clock[:2] if clock else source)
                if field.tells == "age_years":
                    number = min(number, 90)
                return _band(made.edges, number)
            case Derivation.YEAR if (
                self.asked.caps_years and made.source == self.data_set.person.date_of_birth
            ):
                ages = {d.at for d in self.data_set.derived if d.at and d.source == made.source}
                days = [value[name] for name in {*ages, self.data_set.periods.field}]
                latest = max(day[:4] for day in days if day is not None)
                return max(int(source[:4]), int(latest) - 90)
            case form:
                event = value[made.at] if made.at else None
                return oracle.derived(form.value, source, event, self.world)


def _dated(text: str, treatment: Treatment):
    day = date.fromisoformat(text[:10])
    if treatment is Treatment.MONTH:
        return f"{day:%Y-%m}"
    return day.year if treatment is Treatment.YEAR else day


def _band(edges, number: float) -> str:
    below = [edge for edge in edges if edge <= number]
    above = [edge for edge in edges if edge > number]
    if not below:
        return f"<{edges[0]}"
    if not above:
        return f"{edges[-1]}+"
    low, high = below[-1], above[0] - 1
    return str(low) if low == high else f"{low}-{high}"
