"""The input that a journey is about: synthetic, or a file of the user's."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import catalogue
from dsfc_cli.demo.answers import Flow
from dsfc_cli.synthetic import Planted, World, generate

SEED = 7
ROWS, PEOPLE = 120_000, 30_000
ROWS_ELSEWHERE = 5 * ROWS
"""What lies between takes bytes for itself, as the engine's proxy of a published port does: up to
what its kernel lets a socket have, 32 MiB to receive (`tcp_rmem`) and 4 MiB to send."""
BAD_ROWS = 10
MONTH = ("2018-04", date(2018, 4, 1), date(2018, 4, 30))
COMMISSIONER = "02P"
MONTHS = re.compile(r"\d{4}-(0[1-9]|1[0-2])")

FIELDS: Mapping[str, Mapping[str, str]] = {
    "SUS_APC": {
        "Sex": "as_is",
        "Ethnic_Group": "as_is",
        "GP_Practice_Code": "as_is",
        "Local_Patient_ID": "pseudonym",
        "Hospital_Spell_No": "pseudonym",
        "CDS_Activity_Date": "month",
        "Admission_Date": "as_is",
        "Discharge_Date": "as_is",
        "Admission_Method": "as_is",
        "Discharge_Method": "as_is",
        "Patient_Classification": "as_is",
        "Der_Spell_LoS": "as_is",
        "Treatment_Function_Code": "as_is",
        "Der_Primary_Diagnosis_Code": "as_is",
        "Der_Diagnosis_All": "as_is",
        "Der_Primary_Procedure_Code": "as_is",
        "FCE_HRG": "as_is",
        "Provider_Code": "as_is",
        "Commissioner_Code": "as_is",
        "Consultant_Code": "pseudonym",
        "Age_at_Start_of_Episode_SUS": "derived",
        "Der_Postcode_LSOA_2011_Code": "derived",
        "Der_Activity_Month": "derived",
    },
    "DIDS": {
        "NHS_NUMBER_STATUS_IND": "as_is",
        "ETHNIC_CATEGORY": "as_is",
        "PERSON_GENDER_CODE": "as_is",
        "PATIENT_SOURCE_SETTING": "as_is",
        "REFERRING_ORG_CODE": "as_is",
        "DIAGNOSTIC_TEST_REQUEST_DATE": "month",
        "DIAGNOSTIC_TEST_DATE": "as_is",
        "SERVICE_REPORT_DATE": "month",
        "IMAGING_CODE_NICIP": "as_is",
        "IMAGING_CODE_SNOMED": "as_is",
        "SITE_CODE_IMAGING": "as_is",
        "RADIOLOGICAL_ACCESSION_NUM": "pseudonym",
        "AGE_BAND_AT_TEST": "derived",
        "POSTCODE_SECTOR": "derived",
    },
}
OTHER_FIELD: Mapping[str, str] = {"SUS_APC": "Marital_Status", "DIDS": "REFERRER"}
"""A column of the data set that the line does not list."""


class NotAFile(ValueError):
    """The user's file is not one of the data set's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """A provider's file, and what must be known beside it."""

    data_set: str
    file: Path
    provider: str
    period: str
    """As a submission names it: a month, or a range of months."""
    months: Sequence[str]
    numbers: frozenset[str]
    """Every NHS number in the file; none may come out."""
    corrected: Path | None = None
    """The file again without its bad rows, where rows were spoilt on purpose."""
    planted: Planted = field(default_factory=Planted)
    others: frozenset[str] = frozenset()
    """Codes of providers in its records."""

    @property
    def providers(self) -> frozenset[str]:
        """Whose records are in the file, besides its provider's."""
        return self.others | {self.provider}

    @property
    def flow(self) -> Flow:
        return Flow(
            data_set=self.data_set,
            fields=FIELDS[self.data_set],
            first_month=self.months[0],
            last_month=self.months[-1],
        )

    def numbers_in(self, text: str) -> int:
        """How many of the file's NHS numbers are in `text`, alone or inside longer digits."""
        return len(self.numbers & set(re.findall(r"(?=(\d{10}))", text)))


def synthetic(
    data_set: str, world: World, directory: Path, provider: str, *, rows: int = ROWS
) -> Material:
    """Return a month's file with bad rows in it, and the same file corrected."""
    month, first, last = MONTH
    directory.mkdir(parents=True, exist_ok=True)
    spoilt, corrected = directory / "submission.csv", directory / "corrected.csv"
    planted = Planted()
    for path, bad_rows in ((spoilt, BAD_ROWS), (corrected, 0)):
        written = generate(
            data_set,
            rows=rows,
            seed=SEED,
            first=first,
            last=last,
            world=world,
            path=path,
            bad_rows=bad_rows,
        )
        planted = written if bad_rows else planted
    return Material(
        data_set=data_set,
        file=spoilt,
        provider=provider,
        period=month,
        months=[month],
        numbers=frozenset(map(str, world.nhs_numbers)),
        others=frozenset(world.providers),
        corrected=corrected,
        planted=planted,
    )


def given(data_set: str, file: Path, provider: str) -> Material:
    """Return a file of the user's. Raise NotAFile where it has not the catalogue's columns."""
    layout = catalogue.load().get(data_set)
    try:
        with file.open(encoding="utf-8", newline="") as lines:
            reader = csv.DictReader(lines)
            rows, columns = list(reader), set(reader.fieldnames or ())
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise NotAFile(f"{file} cannot be read as CSV in UTF-8: {error}") from error
    missing = {str(layout.person.nhs_number), layout.periods.field} - columns
    if missing:
        raise NotAFile(f"{file} is not a {data_set} file: it lacks {', '.join(sorted(missing))}")
    months = sorted({row[layout.periods.field][:7] for row in rows if row[layout.periods.field]})
    if not months or not all(MONTHS.fullmatch(month) for month in months):
        raise NotAFile(f"{file} has no rows, or a {layout.periods.field} not written YYYY-MM-DD")
    period = months[0] if len(months) == 1 else f"{months[0]}/{months[-1]}"
    return Material(
        data_set=data_set,
        file=file,
        provider=provider,
        period=period,
        months=months,
        numbers=frozenset(row[str(layout.person.nhs_number)] for row in rows) - {""},
        others=frozenset(row.get(layout.person.provider or "", "") for row in rows) - {""},
    )


def add_to_maps(material: Material, maps: tuple[Path, Path]) -> tuple[Path, Path]:
    """Add every practice and postcode of the file to the synthetic maps, under COMMISSIONER."""
    layout = catalogue.load().get(material.data_set)
    with material.file.open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    practice = next(r.field for r in layout.population.values() if r.source == "practice")
    practices, postcodes = maps
    codes = sorted({row[str(practice)] for row in rows} - {""})
    homes = sorted({row[str(layout.person.postcode)] for row in rows} - {""})
    _append(practices, [f"{c},{COMMISSIONER}" for c in codes])
    _append(postcodes, [f"{home},{COMMISSIONER},E01000001" for home in homes])
    return maps


def _append(path: Path, lines: Sequence[str]) -> None:
    with path.open("a", encoding="utf-8") as file:
        file.writelines(f"{line}\n" for line in lines)
