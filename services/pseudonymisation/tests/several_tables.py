"""A small submission of CSDS, and what its groups hold: by plain loops, from domain.md 6.6."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from typing import Any

from services.pseudonymisation.tests import oracle
from services.pseudonymisation.tests.submitting import POSTCODES, PRACTICES

Row = dict[str, str]
MONTH = "2018-04"
START = "2018-04-01"
PERSONS = {
    "P1": ("9990000018", "2012-04-02", "S70 1AA"),
    "P2": ("9990000026", "1950-02-11", "NE61 1AA"),
    "P3": ("", "2000-02-29", "WN5 8QX"),
}
"""By the provider's number: NHS number, birth date, home."""


def row(**said: str) -> Row:
    return {"RP_StartDate": START, **said}


def person(local: str, **changes: str) -> Row:
    number, born, home = PERSONS[local]
    return row(
        LocalPatientID=local,
        NHSNumber=number,
        NHSNumber_Status="01" if number else "07",
        DateOfBirth=born,
        Postcode=home,
        Gender="2",
        EthnicCategory="A",
        LanguagePreferred="en",
        ChildLookedAfter_Indicator="N",
        Safeguarding_Indicator="N",
        **changes,
    )


def referral(local: str, number: str, **changes: str) -> Row:
    return (
        row(
            LocalPatientID=local,
            Unique_ServiceRequestID=f"RR8{number}",
            OrgID_Provider="RR8",
            OrgID_Commissioner="02P",
            ReferralRequest_ReceivedDate="2018-03-20",
            SourceOfReferral="03",
            OrgID_Referring="R0A",
            Referring_StaffGroup="A01",
            Priority_Type="1",
            PrimaryReferralReason="105",
            Referral_ClosureDate="",
            Referral_ClosureReason="",
            Discharge_Date="",
        )
        | changes
    )


def contact(number: str, of: str, **changes: str) -> Row:
    return (
        row(
            Unique_ServiceRequestID=f"RR8{of}",
            Unique_CareContactID=f"RR8{number}",
            OrgID_Commissioner_Contact="",
            Contact_Date="2018-04-11",
            Contact_Time="10:20",
            CareContact_Duration="30",
            Consultation_Type="01",
            ConsMechanism="02",
            Activity_LocationType="A01",
            Treatment_OrgSiteID="RR801",
            GroupTherapyIndicator="N",
            AttendanceStatus="5",
        )
        | changes
    )


def activity(number: str, of: str, **changes: str) -> Row:
    return (
        row(
            Unique_CareContactID=f"RR8{of}",
            Unique_CareActivityID=f"RR8{number}",
            Activity_Type="01",
            CareProfessionalID_Local="C9",
            CareActivity_Duration="20",
            Procedure_Scheme="06",
            CodedProcedure="171207006",
            CodedFinding="",
            CodedObservation="",
            ObservationValue="1.5",
        )
        | changes
    )


def diagnosis(of: str, kind: str, code: str) -> Row:
    return row(
        Unique_ServiceRequestID=f"RR8{of}",
        Diagnosis_Scheme="06",
        **{f"{kind}Diagnosis": code, f"{kind}Diagnosis_Date": "2018-04-12"},
    )


def immunisation(local: str, **changes: str) -> Row:
    return (
        row(
            LocalPatientID=local,
            Immunisation_Date="2018-04-08",
            Procedure_Scheme="06",
            ImmunisationProcedure="",
            ChildhoodImmunisation_Type="",
            OrgID_ImmunisationResponsible="RR8",
        )
        | changes
    )


def score(**said: str) -> Row:
    return row(SNOMED_ID="718431003", Score="12", AssessmentCompletion_Date="2018-04-13") | said


def tables() -> dict[str, list[Row]]:
    """Every table, all rows good; each group has some of two commissioners."""
    return {
        "CYP001": [person("P1"), person("P2"), person("P3")],
        "CYP002": [
            row(LocalPatientID="P1", OrgID_GP="A81002", StartDate_GP="2015-01-01"),
            row(LocalPatientID="P1", OrgID_GP="A81001", StartDate_GP="2017-01-01"),
            row(LocalPatientID="P2", OrgID_GP="A81002", StartDate_GP=""),
        ],
        "CYP101": [
            referral("P1", "R1"),
            referral("P1", "R2", OrgID_Commissioner="00L"),
            referral("P2", "R3", OrgID_Commissioner="00L"),
            referral("P3", "R4", Priority_Type=""),
        ],
        "CYP102": [
            row(
                Unique_ServiceRequestID="RR8R1",
                Unique_TeamID_Local="RR8T1",
                TeamType="01",
                Referral_RejectionDate="",
                Referral_RejectionReason="",
            )
        ],
        "CYP104": [
            row(
                Unique_ServiceRequestID="RR8R1",
                PatientPathwayID="PW1",
                PatientPathwayID_OrgID="RR8",
                BookingReference="B1",
                WaitingTime_MeasurementType="02",
                RTT_StartDate="2018-04-02",
                RTT_EndDate="2018-04-20",
                RTT_Status="20",
            )
        ],
        "CYP105": [
            row(
                Unique_ServiceRequestID="RR8R3",
                Onward_ReferralDate="2018-04-15",
                Onward_ReferralReason="01",
                OrgID_Receiving="R0A",
            ),
            row(
                Unique_ServiceRequestID="RR8R4",
                Onward_ReferralDate="2018-04-16",
                Onward_ReferralReason="01",
                OrgID_Receiving="R0A",
            ),
        ],
        "CYP201": [
            contact("C1", "R1"),
            contact("C2", "R2"),
            contact("C3", "R3", OrgID_Commissioner_Contact="02P"),
        ],
        "CYP202": [
            activity("A1", "C1"),
            activity("A2", "C1"),
            activity("A3", "C2"),
            activity("A4", "C3", CodedProcedure=""),
        ],
        "CYP301": [
            row(
                GroupSessionID=f"G{n}",
                GroupSession_Date="2018-04-17",
                GroupSession_Duration="60",
                GroupSession_Type="01",
                NumberOfParticipants="7",
                Activity_LocationType="A01",
                Treatment_OrgSiteID="RR801",
                OrgID_Commissioner_Session=commissioner,
            )
            for n, commissioner in enumerate(["02P", "02P", "00L"])
        ],
        "CYP501": [
            immunisation("P1", ImmunisationProcedure="86198006"),
            immunisation("P2", ImmunisationProcedure="86198006"),
        ],
        "CYP502": [
            immunisation("P1", ChildhoodImmunisation_Type="01", Unique_ServiceRequestID="RR8R1")
        ],
        "CYP606": [diagnosis("R1", "Provisional", "195967001")],
        "CYP607": [diagnosis("R1", "Primary", "195967001"), diagnosis("R3", "Primary", "44054006")],
        "CYP608": [diagnosis("R4", "Secondary", "38341003")],
        "CYP609": [score(Unique_ServiceRequestID="RR8R1"), score(Unique_ServiceRequestID="RR8R3")],
        "CYP612": [score(Unique_CareActivityID="RR8A2"), score(Unique_CareActivityID="RR8A4")],
    }


WHO, REFERRED, ACTIVE = "Token", "Unique_ServiceRequestID", "Unique_CareActivityID"
Known = Mapping[str, Row | None]


class Expected:
    """What each group holds: the rows of its tables, each with its referral and its person.

    Columns that leave as tokens have the value that these stand for.
    """

    def __init__(self, sent: Mapping[str, Sequence[Row]], codes: Sequence[str]) -> None:
        self._sent = sent
        self._codes = codes
        self._people = {one["LocalPatientID"]: one for one in sent["CYP001"]}
        self._referred = {one[REFERRED]: one for one in sent["CYP101"]}
        self._met = {one["Unique_CareContactID"]: one for one in sent.get("CYP201", ())}
        self._done = {one[ACTIVE]: one for one in sent.get("CYP202", ())}

    def rows(self, group: str, columns: Sequence[str]) -> Iterator[dict[str, Any]]:
        """Give the rows of a group that name one of the commissioners."""
        for one, known in self._known(group):
            reasons = self._reasons(known)
            if not reasons:
                continue
            values = {**(known["contact"] or {}), **one}
            told = {name: self._told(name, values, known) for name in columns}
            who = known["person"]
            person = {} if who is None else {WHO: who["NHSNumber"] or who["LocalPatientID"]}
            yield {**person, "Reason_For_Access": reasons, **told}

    def chosen(
        self, group: str, columns: Sequence[str], filters: Sequence[Mapping[str, Any]]
    ) -> Iterator[dict[str, Any]]:
        """Give those rows of which each filter lets through what they are, or belong to."""
        for told, (one, known) in zip(
            self.rows(group, columns),
            ((o, k) for o, k in self._known(group) if self._reasons(k)),
            strict=True,
        ):
            if all(self._passes(group, one, known, by) for by in filters):
                yield told

    def _passes(self, group: str, one: Row, known: Known, by: Mapping[str, Any]) -> bool:
        of, _, column = by["column"].partition(".")
        beside = {
            "Referrals": known["referral"],
            "Care_Activities": self._done.get(one.get(ACTIVE, "")),
        }
        row = one if of == group else beside.get(of)
        if row is None:
            return of not in beside  # sessions belong to nothing, and are chosen by their own
        about = self._beside(row)
        value = self._told(column, {**(about["contact"] or {}), **row}, about)
        if value is None:
            return False
        return (
            value in by["any_of"]
            if "any_of" in by
            else by.get("at_least", 0) <= value <= by.get("at_most", 999)
        )

    def _told(self, name: str, values: Row, known: Known) -> Any:
        who, referred = known["person"] or {}, known["referral"] or {}
        made = {
            "AgeBand_RP_StartDate": lambda: self._age(who),
            "AgeYr_RP_StartDate": lambda: min(self._years(who), 90),
            "Gender": lambda: who["Gender"],
            "OrgID_GP": lambda: self._practice(who["LocalPatientID"]),
            "TeamType": lambda: self._team(values[REFERRED]),
            "Days_RTTStart_to_End": lambda: _days(values["RTT_StartDate"], values["RTT_EndDate"]),
            "Contact_Hour": lambda: int(values["Contact_Time"][:2]),
            "NumberOfParticipants": lambda: int(values[name]),
            "CareActivity_Duration": lambda: int(values[name]),
        }
        if name in made:
            return made[name]()
        if name == REFERRED and "Immunisation_Date" not in values:
            return referred[name]
        return values.get(name) or None

    @staticmethod
    def _years(who: Row) -> int:
        born, day = date.fromisoformat(who["DateOfBirth"]), date.fromisoformat(START)
        return oracle.age_at(born, day) or 0

    def _age(self, who: Row) -> str:
        return oracle.band(self._years(who))

    def _team(self, number: str) -> str | None:
        teams = [t for t in self._sent.get("CYP102", ()) if t[REFERRED] == number]
        return teams[0]["TeamType"] if teams else None

    def _known(self, group: str) -> Iterator[tuple[Row, Known]]:
        for table in TABLES_OF[group]:
            for one in self._sent.get(table, ()):
                yield one, self._beside(one)

    def _beside(self, one: Row) -> Known:
        known: dict[str, Row | None] = dict.fromkeys(("person", "referral", "contact", "session"))
        if "GroupSessionID" in one:
            return known | {"session": one}
        met = one.get("Unique_CareContactID")
        if ACTIVE in one:
            met = self._done[one[ACTIVE]]["Unique_CareContactID"]
        known["contact"] = self._met[met] if met else None
        number = (known["contact"] or one).get(REFERRED)
        known["referral"] = self._referred[number] if number else None
        local = (known["referral"] or one)["LocalPatientID"]
        return known | {"person": self._people[local]}

    def _reasons(self, known: Known) -> str:
        """domain.md 6.11: G registration, H home, C as stated on the referral or on a contact."""
        who, found = known["person"], list[str]()
        if who is not None:
            practice = self._practice(who["LocalPatientID"])
            found += [f"G:{PRACTICES[practice]}"] if practice else []
            found += [f"H:{POSTCODES[who['Postcode']][0]}"]
        stated = (
            (known["contact"] or {}).get("OrgID_Commissioner_Contact")
            or (known["referral"] or {}).get("OrgID_Commissioner")
            or (known["session"] or {}).get("OrgID_Commissioner_Session")
        )
        found += [f"C:{stated}"] if stated else []
        return ";".join(sorted(one for one in found if one[2:] in self._codes))

    def _practice(self, local: str) -> str | None:
        """The registration that began last."""
        own = [one for one in self._sent.get("CYP002", ()) if one["LocalPatientID"] == local]
        return max(own, key=lambda one: one["StartDate_GP"])["OrgID_GP"] if own else None


def _days(first: str, last: str) -> int:
    return (date.fromisoformat(last) - date.fromisoformat(first)).days


TABLES_OF = {
    "Referrals": ["CYP101"],
    "Care_Activities": ["CYP202"],
    "Group_Sessions": ["CYP301"],
    "Onward_Referrals": ["CYP105"],
    "Referral_To_Treatment": ["CYP104"],
    "Diagnoses": ["CYP606", "CYP607", "CYP608"],
    "Immunisations": ["CYP501", "CYP502"],
    "Assessments": ["CYP609", "CYP612"],
}
ASKED = {
    "Referrals": [
        REFERRED,
        "Priority_Type",
        "Gender",
        "AgeBand_RP_StartDate",
        "OrgID_GP",
        "TeamType",
    ],
    "Care_Activities": [
        REFERRED,
        ACTIVE,
        "CodedProcedure",
        "CareActivity_Duration",
        "Contact_Hour",
    ],
    "Group_Sessions": ["GroupSession_Type", "NumberOfParticipants"],
    "Onward_Referrals": [REFERRED, "Onward_ReferralReason", "OrgID_Receiving"],
    "Referral_To_Treatment": [REFERRED, "RTT_Status", "Days_RTTStart_to_End"],
    "Diagnoses": [REFERRED, "ProvisionalDiagnosis", "PrimaryDiagnosis", "SecondaryDiagnosis"],
    "Immunisations": [REFERRED, "ImmunisationProcedure", "ChildhoodImmunisation_Type"],
    "Assessments": [REFERRED, ACTIVE, "SNOMED_ID", "Score"],
}
"""Of each group some columns, those that link it among them."""
