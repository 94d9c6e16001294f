"""How a record is taken in: written row by row from domain.md, rulings 21 to 23, 26 and 0.1.

Nothing of the code under test, nor of the landing rules' files, is used here.
"""

import re
from dataclasses import dataclass, field
from datetime import date

Record = dict[str, str | None]

KEYS = {
    "SUS_APC": [
        "Local_Patient_ID", "Unique_CDS_Identifier", "Hospital_Spell_No", "Provider_Code",
        "Site_Code_of_Treatment", "Commissioner_Code", "Org_Code_Res_Resp", "Consultant_Code",
    ],
    "DIDS": ["REFERRER", "REFERRING_ORG_CODE", "SITE_CODE_IMAGING", "RADIOLOGICAL_ACCESSION_NUM"],
}  # fmt: skip
"""Local identifiers, organisations, staff: a placeholder is none there, whatever it looks like."""
CLINICAL = {"SUS_APC": ("Der_Primary_Diagnosis_Code", "Der_Primary_Procedure_Code"), "DIDS": ()}
DATES = {
    "SUS_APC": [
        "Date_of_Birth", "CDS_Activity_Date", "Admission_Date", "Discharge_Date",
        "Episode_Start_Date", "Episode_End_Date",
    ],
    "DIDS": [
        "PERSON_BIRTH_DATE", "DIAGNOSTIC_TEST_DATE", "DIAGNOSTIC_TEST_REQUEST_DATE",
        "DIAG_TEST_REQUEST_REC_DATE", "SERVICE_REPORT_DATE",
    ],
}  # fmt: skip
BIRTH = {"SUS_APC": "Date_of_Birth", "DIDS": "PERSON_BIRTH_DATE"}
ACTIVITY = {"SUS_APC": "CDS_Activity_Date", "DIDS": "DIAGNOSTIC_TEST_DATE"}
PRACTICE = {"SUS_APC": "GP_Practice_Code", "DIDS": "PRACTICE_CODE"}
POSTCODE = {"SUS_APC": "Postcode", "DIDS": "POSTCODE"}
PLACEHOLDERS = {
    "UNKNOWN",
    "NOTKNOWN",
    "NK",
    "NA",
    "NULL",
    "NONE",
    "TEST",
    "DUMMY",
    "TBC",
    "X",
    "99",
}
VOID_DATES = {"1900-01-01", "9999-12-31", "1899-12-30", "0001-01-01", "2999-12-31"}
DROPPED = {
    "SUS_APC": [
        "NHS_Number", "Local_Patient_ID", "Date_of_Birth", "Postcode", "Hospital_Spell_No",
        "Patient_Pathway_Identifier",
    ],
    "DIDS": ["NHS_NUMBER", "PERSON_BIRTH_DATE", "POSTCODE"],
}  # fmt: skip
RESTRICTED = ("Z312", "Z313", "N98", "Q13", "Q383", "Y96", "X15")


@dataclass
class Taken:
    """What becomes of one record."""

    value: Record
    own: Record
    """Its identifiers as they came, to be looked for in text."""
    adds_nothing: str | None = None
    withheld: bool = False
    findings: set[str] = field(default_factory=set)


def is_placeholder(text: str) -> bool:
    """Ruling 22: any case, words for unknown, one character again and again, noughts."""
    bare = re.sub(r"[^\w]|_", "", text).upper()
    if bare in PLACEHOLDERS or not bare:
        return True
    same = len(set(bare)) == 1
    return same and (bare[0] == "0" or len(bare) >= 3)


def take_in(record: Record, data_set: str) -> Taken:
    """Read one record; columns that the file lacks are None."""
    value = {name: (text or "").strip(" \t\u00a0") or None for name, text in record.items()}
    taken = Taken(value, {})
    _formats(taken, data_set)
    _voids(taken, data_set)
    taken.adds_nothing = _adds_nothing(value)
    taken.withheld = _is_withheld(value, data_set)
    taken.own = {name: value.get(name) for name in DROPPED[data_set]}
    _validity(taken, data_set)
    if taken.withheld:
        for name in DROPPED[data_set]:
            if value.get(name) is not None or taken.own[name] is not None:
                taken.findings.add(f"{name}:IDENTIFIER_LEFT_IN")
            value[name] = None
    return taken


def deleted(records: list[Record], takens: list[Taken], entity: dict[str, str]) -> set[int]:
    """0.1: a deletion takes back its provider's record of its identifier, where that is before it.

    `entity` is each code's organisation; empty where it is none. Gives places in the file.
    """

    def known(record: Record) -> tuple[str, str] | None:
        key = (record.get("Unique_CDS_Identifier") or "").strip()
        if not key or is_placeholder(key):
            return None
        code = (record.get("Provider_Code") or "").strip().upper()
        return key, entity.get(code, code) or entity[""]

    found: set[int] = set()
    for place, taken in enumerate(takens):
        if taken.adds_nothing == "DELETION" and known(records[place]) is not None:
            found |= {
                before
                for before in range(place)
                if takens[before].adds_nothing is None
                and known(records[before]) == known(records[place])
            }
    return found


def _formats(taken: Taken, data_set: str) -> None:
    """0.1: forms of clinical codes, practices, postcodes; a bad clinical code is left out."""
    value = taken.value
    place = value.get(POSTCODE[data_set])
    if place:
        bare = re.sub(r"\s", "", place).upper()
        value[POSTCODE[data_set]] = f"{bare[:-3]} {bare[-3:]}"
    for name in (
        PRACTICE[data_set],
        *(n for n in KEYS[data_set] if n.endswith(("_Code", "_Resp"))),
    ):
        if name != "Consultant_Code" and value.get(name):
            value[name] = str(value[name]).upper()
    for name in CLINICAL[data_set]:
        code = value.get(name)
        if code is None:
            continue
        code = re.sub(r"[ .]", "", code).upper()
        form = (
            "[A-Z][0-9][0-9]([0-9A-Z][0-9A-Z-]?[0-9A-Z-]?)?"
            if "Diag" in name
            else "[A-Z][0-9]{2,3}"
        )
        value[name] = code
        if not re.fullmatch(form, code):
            if is_placeholder(code):
                taken.findings.add(f"{name}:VALUE_VOID")
            else:
                taken.findings.add(f"{name}:PATTERN_MISMATCH")
            value[name] = None


def _voids(taken: Taken, data_set: str) -> None:
    value = taken.value
    for name in KEYS[data_set]:
        if value.get(name) and is_placeholder(str(value[name])):
            value[name] = None
            taken.findings.add(f"{name}:VALUE_VOID")
    for name in DATES[data_set]:
        day = value.get(name)
        if day and (day in VOID_DATES or is_placeholder(day)):
            value[name] = None
            taken.findings.add(f"{name}:VALUE_VOID")
    number = value.get("NHS_Number" if data_set == "SUS_APC" else "NHS_NUMBER")
    if number and (number == "0" * 10 or number.upper() in PLACEHOLDERS):
        name = "NHS_Number" if data_set == "SUS_APC" else "NHS_NUMBER"
        value[name] = None
        taken.findings.add(f"{name}:VALUE_VOID")


def _adds_nothing(value: Record) -> str | None:
    """0.1: update type 1 is a deletion, void in bulk; test records; headers and trailers."""
    if value.get("Test_Indicator") not in {None, "0", "N"}:
        return "TEST_RECORD"
    if (value.get("CDS_Type") or "") in {"001", "002", "003", "004", "005"}:
        return "HEADER_OR_TRAILER"
    if value.get("Update_Type") == "1" and value.get("CDS_Protocol_Identifier_Code") != "020":
        return "DELETION"
    return None


def _is_withheld(value: Record, data_set: str) -> bool:
    """Rulings 21 and 26."""
    if data_set == "SUS_APC":
        if value.get("Withheld_Identity_Reason") not in {None, "0", "00"}:
            return True
        if value.get("Confidentiality_Category_SUS") not in {None, "0", "2"}:
            return True
        codes = (value.get("Der_Primary_Diagnosis_Code"), value.get("Der_Primary_Procedure_Code"))
        return any(code and code.startswith(RESTRICTED) for code in codes)
    return value.get("WITHHELD_IDENTITY_REASON") not in {None, "0", "00"}


def _day(value: Record, name: str) -> date | None:
    text = value.get(name)
    return date.fromisoformat(text) if text else None


def _validity(taken: Taken, data_set: str) -> None:
    """0.1 and B11: what cannot be is taken as none, or only told; both are counted."""
    value, found = taken.value, list[tuple[str, str, bool]]()
    name = BIRTH[data_set]
    birth, activity = _day(value, name), _day(value, ACTIVITY[data_set])
    if not taken.withheld and _is_before(birth, date(1880, 1, 1)):
        found.append((name, "BIRTH_BEFORE_LIMIT", True))
    if not taken.withheld and _is_before(activity, birth):
        found.append((name, "BIRTH_AFTER_ACTIVITY", True))
    if data_set == "SUS_APC":
        found += [*_of_the_stay(value), *_of_its_dates(value)]
        keys = () if taken.withheld else ("Local_Patient_ID", "Hospital_Spell_No")
        found += [(name, "VALUE_MISSING", False) for name in keys if value.get(name) is None]
    else:
        asked, reported = (
            _day(value, n) for n in ("DIAGNOSTIC_TEST_REQUEST_DATE", "SERVICE_REPORT_DATE")
        )
        if activity and reported and reported < activity:
            found.append(("SERVICE_REPORT_DATE", "REPORT_BEFORE_TEST", True))
        if activity and asked and asked > activity:
            found.append(("DIAGNOSTIC_TEST_REQUEST_DATE", "REQUEST_AFTER_TEST", False))
    taken.findings |= {f"{name}:{code}" for name, code, _ in found}
    for name, _, is_none in found:
        if is_none:
            value[name] = None


def _of_the_stay(value: Record) -> list[tuple[str, str, bool]]:
    name, text = "Der_Spell_LoS", value.get("Der_Spell_LoS")
    if text is None:
        return []
    admitted, discharged = _day(value, "Admission_Date"), _day(value, "Discharge_Date")
    longest = (discharged - admitted).days if admitted and discharged else None
    holds = [
        ("STAY_NEGATIVE", int(text) < 0, True),
        ("STAY_TOO_LONG", int(text) > 36_525, True),
        ("STAY_LONGER_THAN_DATES", longest is not None and int(text) > longest, False),
    ]
    return [(name, code, is_none) for code, is_so, is_none in holds if is_so]


def _of_its_dates(value: Record) -> list[tuple[str, str, bool]]:
    admitted, discharged = _day(value, "Admission_Date"), _day(value, "Discharge_Date")
    start, end = _day(value, "Episode_Start_Date"), _day(value, "Episode_End_Date")
    holds = [
        ("Discharge_Date", "DISCHARGE_BEFORE_ADMISSION", _is_before(discharged, admitted), True),
        ("Episode_End_Date", "END_BEFORE_START", _is_before(end, start), True),
        ("Episode_Start_Date", "START_BEFORE_ADMISSION", _is_before(start, admitted), False),
        ("Episode_End_Date", "END_AFTER_DISCHARGE", _is_before(discharged, end), False),
    ]
    return [(name, code, is_none) for name, code, is_so, is_none in holds if is_so]


def _is_before(first: date | None, second: date | None) -> bool:
    return first is not None and second is not None and first < second
