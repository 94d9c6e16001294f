"""Reads data set files and landing rules, checks them, and finds them by name and digest."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, TypeVar

from pydantic import ValidationError

from catalogue.digests import digest_of
from catalogue.landing import LandingRules
from catalogue.lines import line_of
from catalogue.model import DataSet
from catalogue.parts import with_codes
from catalogue.periods import Periods
from catalogue.protocols import Protocol
from catalogue.relations.checking import problems as problems_of
from catalogue.relations.compiling import COMPUTED, compiled
from catalogue.relations.words import Relations
from catalogue.written import Unreadable, loaded

RULES = "landing_rules"
COMMON = "common-"
"""How files begin that are parts of landing rules, and none themselves."""
DIGESTS = "digests.json"
"""Beside the files: what each published version's digest is, so that none is edited unseen."""


class UnknownDataSet(LookupError):
    """No file of the catalogue has this name, version or digest."""


class InvalidDataSet(ValueError):
    """A file is not what a data set file must be."""

    def __init__(self, name: str, problems: list["Problem"]) -> None:
        super().__init__(f"{name}: " + "; ".join(str(p) for p in problems))
        self.name = name
        self.problems = problems


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a file is wrong (`fields/3/class`), and how."""

    pointer: str
    detail: str
    line: int | None = None

    def __str__(self) -> str:
        where = self.pointer or "the file"
        return f"{where if self.line is None else f'line {self.line}, {where}'}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Catalogue:
    """Every version of every data set that this machine knows."""

    data_sets: tuple[DataSet, ...]
    landing_rules: tuple[LandingRules, ...] = ()
    _taken_in: dict[tuple[int, int, Protocol], tuple[DataSet, LandingRules, DataSet]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    """What `intake_of` made: asked for with every file, and by everybody who asks about one."""

    def __iter__(self) -> Iterator[DataSet]:
        return iter(self.data_sets)

    def get(self, name: str, version: str | None = None) -> DataSet:
        """The given version, or the newest. Raise UnknownDataSet where there is none."""
        found = [d for d in self.data_sets if d.data_set == name and version in {None, d.version}]
        if not found:
            raise UnknownDataSet(f"The catalogue has no {name} {version or ''}".rstrip())
        return max(found, key=_order)

    def for_period(self, name: str, month: str) -> DataSet:
        """The newest version whose periods have a month; where none has it, the newest.

        Raises UnknownDataSet where there is no such data set.
        """
        fitting = [
            d
            for d in self.data_sets
            if d.data_set == name
            and d.periods.earliest <= month
            and (d.periods.latest is None or month <= d.periods.latest)
        ]
        return max(fitting, key=_order) if fitting else self.get(name)

    def by_digest(self, digest: str) -> DataSet:
        """Raise UnknownDataSet where no file has this digest."""
        for data_set in self.data_sets:
            if data_set.digest == digest:
                return data_set
        raise UnknownDataSet("The catalogue has no file of that digest")

    def having(self, names: Iterable[str]) -> "Catalogue":
        """Return the catalogue with all that these names can stand for at present."""
        del names  # it has all that it will ever have
        return self

    def fixed(self) -> "Catalogue":
        """Return what is at hand alone, which asks nobody."""
        return self

    def rules_of(self, name: str, on: date) -> LandingRules | None:
        """The landing rules by which files of a data set are taken in on a day, if there are any.

        They hold for every version of the data set.
        """
        begun = [r for r in self.landing_rules if r.data_set == name and r.valid_from <= on]
        return max(begun, key=lambda r: r.version, default=None)

    def is_by_token(self, name: str, on: date) -> bool:
        """Whether a data set comes by the tokens of a line, and as no file of a provider."""
        rules = self.rules_of(name, on)
        return rules is not None and rules.by_token is not None

    def intake_of(
        self, data_set: DataSet, on: date, protocol: Protocol = Protocol.WHOLE_PERIOD
    ) -> tuple[LandingRules, DataSet]:
        """How files of one version are taken in on a day: the rules, and the data set as read."""
        found = self.rules_of(data_set.data_set, on)
        key = (id(data_set), id(found), protocol)
        if key not in self._taken_in:
            rules = (found or LandingRules.as_published(data_set)).under(protocol)
            # The data set is kept as well, so that its id stays its own.
            self._taken_in[key] = data_set, rules, rules.taken_in(data_set)
        return self._taken_in[key][1:]

    def is_safe(self, name: str, digest: str | None, on: date) -> bool:
        """Say whether what was landed by rules of that digest, or by none, may be released.

        Rules that this machine does not know are not safe: nobody here can say what they let
        through.
        """
        present = self.rules_of(name, on)
        if present is None:
            return digest is None
        made = next((r for r in self.landing_rules if r.digest == digest), None)
        return made is not None and made.data_set == name and made.version >= present.safe_from


def _order(data_set: DataSet) -> tuple[int, ...]:
    return tuple(map(int, data_set.version.split(".")))


@lru_cache(maxsize=4)
def load(extra: Path | None = None) -> Catalogue:
    """All published files, and those of the directory `extra`.

    Raises InvalidDataSet where a file is wrong, or is not the one that was published.
    """
    published = _published(_folder(""))
    if extra is None:
        return published
    more = [read(p.read_text("utf-8"), name=p.name) for p in _yaml_files(extra)]
    if not (extra / RULES).is_dir():
        return _with(published, more, [])
    common = _common(files("catalogue") / RULES) | _common(extra / RULES)
    return _with(published, more, [rules for _, rules in _rules(extra / RULES, common)])


@lru_cache(maxsize=1)
def _published(package: Path) -> Catalogue:
    """Only the published files: half a second's work, whatever else is asked for."""
    data_sets = [
        _as_published(read(item.read_text("utf-8"), name=item.name), item, digests)
        for item, digests in _with_digests(package / "data_sets")
    ]
    folder = package / RULES
    digests = dict(_with_digests(folder))
    rules = [
        _as_published(one, item, digests[item]) for item, one in _rules(folder, _common(folder))
    ]
    return _with(Catalogue(()), data_sets, rules)


def _rules(
    folder: Traversable, common: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[Traversable, LandingRules]]:
    for item in _yaml_files(folder):
        if not item.name.startswith(COMMON):
            yield item, read_rules(item.read_text("utf-8"), name=item.name, common=common)


def _with(
    known: Catalogue, data_sets: Sequence[DataSet], rules: Sequence[LandingRules]
) -> Catalogue:
    """Add to what is known; a rule and a data set are held against each other once."""
    found = (*known.data_sets, *data_sets)
    if len({(d.data_set, d.version) for d in found}) != len(found):
        raise InvalidDataSet("catalogue", [Problem("", "two files are the same version")])
    added = {data_set.data_set for data_set in data_sets}
    for one in (*(r for r in known.landing_rules if r.data_set in added), *rules):
        if problems := list(misfits(one, found)):
            raise InvalidDataSet(one.name, problems)
    every = (*known.landing_rules, *rules)
    if len({one.name for one in every}) != len(every):
        raise InvalidDataSet(RULES, [Problem("", "two files are the same version")])
    for earlier, later in pairwise(sorted(every, key=lambda r: (r.data_set, r.version))):
        if earlier.data_set == later.data_set and earlier.valid_from > later.valid_from:
            raise InvalidDataSet(
                later.name, [Problem("valid_from", "is before the last version's")]
            )
    return Catalogue(found, every)


def misfits(rules: LandingRules, data_sets: Sequence[DataSet]) -> Iterator[Problem]:
    """What in landing rules does not fit the versions of their data set that are known."""
    fitting = [d for d in data_sets if d.data_set == rules.data_set]
    if not fitting:
        yield Problem("data_set", "the catalogue has no such data set")
    for data_set in fitting:
        problems = list(rules.problems_with(data_set))
        yield from (Problem("", detail) for detail in problems)
        if not problems:
            try:
                rules.taken_in(data_set)
            except ValidationError as error:
                yield from map(_problem, error.errors())


def placed(text: str, problems: Sequence[Problem]) -> list[Problem]:
    """Say of each problem in which line of the file it is."""
    return [replace(p, line=line_of(text, p.pointer, p.detail)) for p in problems]


T = TypeVar("T", DataSet, LandingRules)


def _as_published(found: T, item: Traversable, digests: Mapping[str, str]) -> T:
    if item.name not in digests:
        detail = f"{DIGESTS} has no digest of it; check it, then run `dsfc catalogue add {item}`"
        raise InvalidDataSet(item.name, [Problem("", detail)])
    if digests[item.name] != found.digest:
        detail = "differs from what was published; a change is a new version in a new file"
        raise InvalidDataSet(item.name, [Problem("", detail)])
    return found


def _with_digests(folder: Traversable) -> Iterator[tuple[Traversable, Mapping[str, str]]]:
    digests: Mapping[str, str] = json.loads((folder / DIGESTS).read_text("utf-8"))
    return ((item, digests) for item in _yaml_files(folder))


def _yaml_files(directory: Traversable) -> list[Traversable]:
    found = (item for item in directory.iterdir() if item.name.endswith(".yaml"))
    return sorted(found, key=lambda item: item.name)


def _common(folder: Traversable) -> dict[str, dict[str, Any]]:
    """Parts that several rules include, by name; each has its digest in the rules' own."""
    return {
        item.name.removesuffix(".yaml"): _mapping(item.read_text("utf-8"), name=item.name)
        for item in _yaml_files(folder)
        if item.name.startswith(COMMON)
    }


def read_rules(
    text: str, *, name: str, common: Mapping[str, Mapping[str, Any]] | None = None
) -> LandingRules:
    """Parse and check landing rules. Raises InvalidDataSet with every problem found.

    `includes` names common parts, whose entries come before the file's own.
    """
    content = _mapping(text, name=name)
    parts = _common(files("catalogue") / RULES) if common is None else common
    whole: dict[str, Any] = {}
    for included in content.pop("includes", []):
        if included not in parts:
            raise InvalidDataSet(name, [Problem("includes", f"there is no {included}")])
        whole = _joined(whole, parts[included])
    whole = _joined(whole, content)
    try:
        return LandingRules.model_validate(whole | {"digest": digest_of(whole)})
    except ValidationError as error:
        problems = [_problem(e) for e in error.errors()]
        raise InvalidDataSet(name, placed(text, problems)) from error


def _joined(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """Entries of both: lists one behind the other, mappings member by member."""
    joined = dict(first)
    for key, value in second.items():
        match joined.get(key), value:
            case list(ours), list(theirs):
                joined[key] = ours + theirs
            case dict(ours), dict(theirs):
                joined[key] = _joined(ours, theirs)
            case _:
                joined[key] = value
    return joined


def read(text: str, *, name: str) -> DataSet:
    """Parse and check one file. Raises InvalidDataSet with every problem found, and its line."""
    return of_content(_mapping(text, name=name), name=name, text=text)


def of_content(content: Mapping[str, Any], *, name: str, text: str = "") -> DataSet:
    """Check what a file says. Raises InvalidDataSet: every problem, of a `text` with its line."""
    if {"tables", "groups"} & set(content):
        return _read_tables(content, text, name=name)
    written_out: dict[str, object] = {"digest": digest_of(content)}
    places: list[int] = []
    if isinstance(content.get("fields"), list):
        problems, fields, places = _repeated(content["fields"])
        if problems:
            raise InvalidDataSet(name, placed(text, problems))
        written_out |= {"fields": [with_codes(field, content) for field in fields]}
    try:
        data_set = DataSet.model_validate({**content, **written_out})
    except ValidationError as error:
        found = [_problem(e, places) for e in error.errors()]
        raise InvalidDataSet(name, placed(text, found)) from error
    if wrong := data_set.person_as_a_column():
        raise InvalidDataSet(name, placed(text, [Problem(*wrong)]))
    return data_set


def _read_tables(content: Mapping[str, Any], text: str, *, name: str) -> DataSet:
    """Read a data set of several tables. Raises InvalidDataSet with every problem found."""
    found = [Problem(word, TABLES_HAVE_IT) for word in sorted(OF_A_TABLE & set(content))]
    found += [
        Problem(word, "is a list, where a data set has several tables")
        for word in ("tables", "groups")
        if not isinstance(content.get(word), list)
    ]
    if found:
        raise InvalidDataSet(name, placed(text, found))
    tables: list[object] = []
    for at, table in enumerate(content["tables"]):
        if not (isinstance(table, dict) and isinstance(table.get("fields"), list)):
            tables.append(table)
            continue
        problems, fields, _ = _repeated(table["fields"])
        found += [replace(p, pointer=f"tables/{at}/{p.pointer}") for p in problems]
        tables.append(table | {"fields": [with_codes(field, content) for field in fields]})
    if found:
        raise InvalidDataSet(name, placed(text, found))
    try:
        said = Relations.model_validate({"tables": tables, "groups": content["groups"]})
        periods = Periods.model_validate(content.get("periods"))
        wrong = [Problem(place, detail) for place, detail in problems_of(said, periods.field)]
        if wrong:
            raise InvalidDataSet(name, placed(text, wrong))
        return compiled(content, said, digest_of(content))
    except ValidationError as error:
        raise InvalidDataSet(name, placed(text, [_problem(e) for e in error.errors()])) from error


OF_A_TABLE: Final = frozenset({"fields", "derived", "person", "population", "confidentiality"})
TABLES_HAVE_IT: Final = "each table says it of itself, where there are tables"


def _mapping(text: str, *, name: str) -> dict[str, Any]:
    try:
        content = loaded(text)
    except Unreadable as error:
        raise InvalidDataSet(name, [Problem("", error.detail, error.line)]) from error
    if not isinstance(content, dict):
        raise InvalidDataSet(name, [Problem("", "is not a mapping")])
    if given := [Problem(word, "is computed, not given") for word in COMPUTED if word in content]:
        raise InvalidDataSet(name, given)
    return content


def read_either(path: Path) -> DataSet | LandingRules:
    """Read a data set file, or landing rules: those have a version of one number, and no fields.

    Raises InvalidDataSet with every problem found.
    """
    text = path.read_text("utf-8")
    content = _mapping(text, name=path.name)
    if path.parent.name != RULES and not {"includes", "sources"} & set(content):
        return read(text, name=path.name)
    common = _common(files("catalogue") / RULES)
    if path.parent.name == RULES:
        common |= _common(path.parent)
    rules = read_rules(text, name=path.name, common=common)
    if problems := list(misfits(rules, load().data_sets)):
        raise InvalidDataSet(path.name, problems)
    return rules


def check(path: Path) -> list[Problem]:
    """What is wrong with a data set file or with landing rules; empty where nothing is."""
    try:
        read_either(path)
    except InvalidDataSet as error:
        return error.problems
    except UnicodeDecodeError:
        return [Problem("", "is not UTF-8")]
    return []


def add(path: Path) -> Path:
    """Publish a data set file or landing rules: keep the file and its digest with the others.

    From then on it is what it is: another content under the same name is refused. The same again
    changes nothing. Returns where it lies now.

    Raises InvalidDataSet where the file is wrong, or differs from what was published.
    """
    text = path.read_text("utf-8")
    content = _mapping(text, name=path.name)
    found: DataSet | LandingRules
    if {"includes", "sources"} & set(content):
        folder = _folder(RULES)
        found = read_rules(text, name=path.name, common=_common(folder))
    else:
        folder = _folder("data_sets")
        found = read(text, name=path.name)
    target = folder / f"{found.data_set}-{found.version}.yaml"
    kept = (folder / DIGESTS).read_text("utf-8")
    digests: dict[str, str] = json.loads(kept)
    if digests.get(target.name) == found.digest:
        return target
    if target.name in digests:
        detail = "differs from what was published; a change is a new version in a new file"
        raise InvalidDataSet(target.name, [Problem("version", detail)])
    is_new = not target.exists()
    if is_new:
        target.write_text(text, "utf-8")
    digests[target.name] = found.digest
    (folder / DIGESTS).write_text(json.dumps(digests, indent=2, sort_keys=True) + "\n", "utf-8")
    forget()
    try:
        load()
    except InvalidDataSet:
        (folder / DIGESTS).write_text(kept, "utf-8")
        if is_new:
            target.unlink()
        forget()
        raise
    return target


def forget() -> None:
    """Read every file again from now on."""
    load.cache_clear()
    _published.cache_clear()


def _folder(name: str) -> Path:
    """A folder of the installed package, which is a directory wherever it can be added to."""
    return Path(str(files("catalogue"))) / name


def _problem(error: Any, places: Sequence[int] = ()) -> Problem:
    """Say where something is wrong; `places`: in which entry of the file a field was written."""
    at = list(error["loc"])
    if places and at[:1] == ["fields"] and len(at) > 1 and isinstance(at[1], int):
        at[1] = places[at[1]]
    return Problem("/".join(map(str, at)), error["msg"].removeprefix("Value error, "))


def _repeated(fields: list[object]) -> tuple[list[Problem], list[object], list[int]]:
    """Write out entries such as `{name: "Diagnosis_{n}", repeat: [1, 23]}`, one a number.

    `{n:02}` is a number with a nought before it. Also returned: of which entry each one is.
    """
    problems: list[Problem] = []
    out: list[object] = []
    places: list[int] = []
    for position, entry in enumerate(fields):
        if not isinstance(entry, dict) or "repeat" not in entry:
            out.append(entry)
            places.append(position)
            continue
        name = str(entry.get("name"))
        match entry["repeat"]:
            case [int(first), int(last)] if 0 <= first <= last < 1000 and NUMBERED.search(name):
                rest = {k: v for k, v in entry.items() if k != "repeat"}
                for n in range(first, last + 1):
                    out.append(rest | {"name": _numbered(name, n)})
                    places.append(position)
            case _:
                detail = "must be [first, last], and the name must have {n}"
                problems.append(Problem(f"fields/{position}/repeat", detail))
    return problems, out, places


NUMBERED: Final = re.compile(r"\{n(?::0([1-4]))?\}")


def _numbered(name: str, n: int) -> str:
    return NUMBERED.sub(lambda found: f"{n:0{found[1] or 1}}", name)
