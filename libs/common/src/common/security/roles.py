"""The roles of the suite (domain.md 2.7). A token names exactly one of them at a time."""

from enum import StrEnum


class Role(StrEnum):
    APPLICANT_EDITOR = "applicant-editor"
    APPLICANT_SIGNATORY = "applicant-signatory"
    CONTROLLER_SIGNATORY = "controller-signatory"
    PROCESSOR_CONTACT = "processor-contact"
    CSU_ADVISER = "csu-adviser"
    CSU_SYSTEM = "csu-system"
    DSCRO_OPERATOR = "dscro-operator"
    DSCRO_APPROVER = "dscro-approver"
    DARS_CASE_OFFICER = "dars-case-officer"
    ADVISORY_SECRETARY = "advisory-secretary"
    ADVISORY_MEMBER = "advisory-member"
    DARS_APPROVER = "dars-approver"
    CONTRACT_MANAGER = "contract-manager"
    REFERENCE_DATA_MANAGER = "reference-data-manager"
    REGISTER_PUBLISHER = "register-publisher"
    AUDITOR = "auditor"
    INFORMATION_GOVERNANCE = "information-governance"
    BREACH_HANDLER = "breach-handler"
    PROVIDER_SYSTEM = "provider-system"
    GP_PRACTICE = "gp-practice"
    SYSTEM_CLOCK = "system-clock"
    SERVICE_APPLICATIONS = "service-applications"
    SERVICE_AGREEMENTS = "service-agreements"
    SERVICE_PSEUDONYMISATION = "service-pseudonymisation"
    SERVICE_DISSEMINATION = "service-dissemination"

    @property
    def scope(self) -> str:
        """How the role is written in a token's `scope`."""
        return f"{SCOPE_PREFIX}{self.value}"


SCOPE_PREFIX = "dsfc:"

PARTIES: frozenset[Role] = frozenset(
    {
        Role.APPLICANT_EDITOR,
        Role.APPLICANT_SIGNATORY,
        Role.CONTROLLER_SIGNATORY,
        Role.PROCESSOR_CONTACT,
        Role.CSU_ADVISER,
        Role.CSU_SYSTEM,
        Role.GP_PRACTICE,
    }
)
"""Whoever may be a party to an agreement, or work for one."""

BODY_STAFF: frozenset[Role] = frozenset(
    {
        Role.DARS_CASE_OFFICER,
        Role.ADVISORY_SECRETARY,
        Role.ADVISORY_MEMBER,
        Role.DARS_APPROVER,
        Role.CONTRACT_MANAGER,
        Role.REFERENCE_DATA_MANAGER,
        Role.REGISTER_PUBLISHER,
        Role.AUDITOR,
        Role.BREACH_HANDLER,
        Role.DSCRO_OPERATOR,
        Role.DSCRO_APPROVER,
    }
)
"""Of the Body, who know of everybody's affairs."""

SERVICES: frozenset[Role] = frozenset(
    {
        Role.SERVICE_APPLICATIONS,
        Role.SERVICE_AGREEMENTS,
        Role.SERVICE_PSEUDONYMISATION,
        Role.SERVICE_DISSEMINATION,
    }
)
"""Our own, when they call one another."""

TRAINED: frozenset[Role] = frozenset({Role.DSCRO_OPERATOR, Role.DSCRO_APPROVER})
"""Roles that need a training record in date (domain.md section 0, ruling 18)."""
