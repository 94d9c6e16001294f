"""What is said of a released file to whoever opens it: its columns, and a page to read."""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from catalogue import DataSet, Derivation, Treatment
from catalogue.relations import Group, split
from catalogue.words import AREAS
from statements.attestation import CHANGE, assumed_in_words
from statements.filters import in_words
from statements.manifest import Manifest

HEADER: Final = ("column", "title", "type", "class", "form", "hidden", "code", "meaning")
FORMS: Final[Mapping[str, str]] = {
    Treatment.AS_IS: "as it was landed",
    Treatment.PSEUDONYM: "a token; the same value has the same token within this agreement",
    Treatment.MONTH: "its month, YYYY-MM",
    Treatment.YEAR: "its year",
    Treatment.DERIVED: "made at landing",
    Treatment.IDENTIFIED: "the identity itself, by the legal route of the agreement's line",
}
AS_TEXT: Final = frozenset({Treatment.PSEUDONYM, Treatment.MONTH, Treatment.IDENTIFIED})
"""Forms that are texts, whatever the column is."""
STRUCTURAL: Final[Mapping[str, str]] = {
    "Token": "A token for the person; the same person has the same token within this agreement",
    "Reason_For_Access": "By which reason, and which commissioner, the record is in the file",
    CHANGE: "What became of the record since the earlier extract: added, changed or removed",
}
REASONS: Final[Mapping[str, str]] = {
    "S": "the submitter",
    "P": "the provider",
    "G": "the commissioner of the person's general practice at the start of the period",
    "H": "the commissioner of the person's home at the start of the period",
    "R": "the commissioner that is responsible by the record",
    "C": "the commissioner that the record names",
}
GROUNDS: Final[Mapping[str, str]] = {
    "rule": "by the rule of the day",
    "line": "by the agreement's line, though the rule of the day does not ask for it",
    "consent": "the people consented, in spite of the rule of the day",
    "statute": "by statute",
}
"""Why opt-outs are upheld, or are not."""
WITHOUT_NAMES: Final = AREAS - {Derivation.DEPRIVATION_DECILE}
NO_NAMES: Final = (
    "codes of the Office for National Statistics; their names are not here yet: the postcode"
    " directory that areas are read from has codes only"
)


def data_dictionary(manifest: Manifest, data_set: DataSet | None) -> str:
    """Write a line a column, and one a code where it has codes, as CSV."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(HEADER)
    hidden = {} if manifest.caps is None else manifest.caps.columns
    for column in manifest.file.columns:
        said = (
            column.name,
            STRUCTURAL.get(column.name) or (_title(column.name, data_set) if data_set else ""),
            _type(column.name, column.treatment, data_set) if data_set else "",
            column.class_,
            FORMS.get(column.treatment, column.treatment),
            hidden.get(column.name, "").replace("_", " "),
        )
        codes = [("", "")] if data_set is None else _codes(column.name, column.treatment, data_set)
        for code, meaning in codes:
            writer.writerow(_safe(cell) for cell in (*said, code, meaning))
    return text.getvalue()


def read_me(manifest: Manifest, data_set: DataSet | None, file_name: str) -> str:
    """Write the page that a person reads first."""
    line, file = manifest.line, manifest.file
    reasons = ", ".join(f"{r} ({REASONS.get(r, r)})" for r in manifest.population.reasons)
    codes = ", ".join(manifest.population.codes)
    rows = in_words(manifest.filters) or "all of the line's population"
    title = data_set.title if data_set else line.data_set
    assumed = assumed_in_words(file.columns, manifest.assumed)
    judged = f"{manifest.agreement.reference} {manifest.agreement.version}, line {line.number}"
    said = [
        f"{title} ({line.data_set} {line.catalogue_version})",
        *_group(manifest, data_set),
        "",
        f"{file_name}: {file.rows} records, {len(file.columns)} columns, {file.bytes} bytes.",
        f"Released at {manifest.released_at:%Y-%m-%d %H:%M} (UTC).",
        f"Agreement: {judged}, purpose {line.purpose}, {line.classification}",
        "",
        f"Periods: {', '.join(manifest.periods)}",
        f"Rows: {rows}",
        *([f"Commissioners: {codes}"] if codes else ["Commissioners: the whole country"]),
        *([f"Reasons for access: {reasons}"] if reasons else []),
        f"Opt-outs: {_opt_outs(manifest)}",
        *_changes(manifest),
        f"Records that came again and are left out: {manifest.population.rows_repeated_left_out}",
        *([f"Assumed, since nobody published it: {assumed}"] if assumed else []),
        "",
        "What is in this archive",
        f"  {file_name}: the {'data' if manifest.changes is None else 'changes, and not the data'}",
        "  data-dictionary.csv: each column, its form, its codes and what they mean",
        "  data-quality.csv: how complete and valid each field is in what the extract was made of",
        "  manifest.jws: the manifest, signed; its keys are at /.well-known/jwks.json",
        "",
        "Before you use it",
        "  Nobody may try to find out who a person in it is, or link it with other data than the",
        "  agreement names.",
        f"  Tables that are made of it follow the disclosure rule {manifest.disclosure_rule}.",
        "  It is destroyed when the agreement ends, and a certificate says so.",
        "",
        f"The data have the digest {file.digest}. To compare: sha256sum {file_name}",
        f"Extract {manifest.extract_id}, file {file.id}, decision {manifest.decisions.release}.",
    ]
    return "\r\n".join(said) + "\r\n"


def _group(manifest: Manifest, data_set: DataSet | None) -> Iterator[str]:
    """Say which of several files it is, and by what its records are joined with the others."""
    names = {split(column.name)[0] for column in manifest.file.columns} - {""}
    known = {} if data_set is None else {group.group: group for group in data_set.groups}
    for group in (known[name] for name in sorted(names & known.keys())):
        yield f"Group: {group.title or group.group}; a record is: {group.grain}"
        if group.subjects == "nobody":
            yield "Its records are about nobody, and are joined with none of another group."
        for other, by in _links(group, known.values()):
            columns = ", ".join(["Token", *by])
            yield f"Joined with {known[other].title or other} by: {columns}"


def _links(group: Group, groups: Iterable[Group]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Give the groups that it is linked with, whichever of the two says so."""
    for one in groups:
        if by := group.links.get(one.group) or one.links.get(group.group):
            yield one.group, by


def _opt_outs(manifest: Manifest) -> str:
    opt_out, why = manifest.opt_out, ""
    if opt_out.ground is not None:
        letter = f"; {opt_out.ground.letter}" if opt_out.ground.letter else ""
        why = f" ({GROUNDS[opt_out.ground.by]}: {opt_out.ground.reason}{letter})"
    if not opt_out.applied:
        return f"not upheld for this line{why}"
    by = "the national check" if opt_out.by == "check" else "the list"
    return f"upheld, by {by} of {opt_out.list_date}{why}"


def _changes(manifest: Manifest) -> Iterator[str]:
    if manifest.changes is not None:
        key = ", ".join(manifest.changes.key) or "all columns"
        yield f"Changes since extract {manifest.changes.since}; a record is known by: {key}"


def _title(name: str, data_set: DataSet) -> str:
    field = data_set.by_name.get(name)
    made = {derived.name: derived for derived in data_set.derived}.get(name)
    found = field or made
    if found is None:
        return ""
    if made is not None and not made.title:
        return f"{made.derivation.replace('_', ' ')} of {made.source}"
    return found.title


def _type(name: str, treatment: str, data_set: DataSet) -> str:
    column = data_set.releasables.get(name)
    if column is None or treatment in AS_TEXT:
        return "text"
    return "integer" if treatment == Treatment.YEAR else str(column.type)


def _codes(name: str, treatment: str, data_set: DataSet) -> Iterator[tuple[str, str]]:
    field, made = data_set.by_name.get(name), data_set.forms.get(name)
    if field is None or not field.codes or treatment != Treatment.AS_IS:
        yield "", NO_NAMES if made and made.derivation in WITHOUT_NAMES else ""
        return
    for code in field.codes:
        yield code, field.labels.get(code, "")


def _safe(cell: str) -> str:
    """Write what no spreadsheet takes for a formula."""
    return f"'{cell}" if cell.startswith(("=", "+", "-", "@", "\t", "\r")) else cell
