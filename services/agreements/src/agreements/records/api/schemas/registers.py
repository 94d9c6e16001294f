"""The public registers, as they cross the wire."""

from datetime import date, datetime
from typing import Annotated, Self
from uuid import UUID

from pydantic import Field, JsonValue

from agreements.records.api.schemas.contracts import RegisteredContractView
from agreements.records.api.schemas.shared import Outgoing, SealedView
from agreements.records.domain.lists.agreement_register import RegisteredAgreement
from agreements.records.use_cases.registers import Notice, PublicRegister, RegisterStatement
from common import texts
from common.web.pagination import Page

DAY = "A legal day in England (ISO 8601)."


class RegisteredAgreementView(SealedView):
    """A line of the public register of agreements: one version that took effect.

    What was signed stays as it was; a later version adds a line of its own.
    """

    reference: Annotated[
        str,
        Field(
            description="Without a version; a link by it stays.", examples=["DARS-NIC-123456-A1B2C"]
        ),
    ]
    version: Annotated[str, Field(examples=["v1.0"])]
    title: Annotated[str, Field(description="Of the project.")]
    controllers: Annotated[
        str, Field(description="Names and ODS codes.", examples=["NHS Barnsley CCG (02P)"])
    ]
    controller_type: Annotated[str, Field(description="`Sole` or `Joint`.", examples=["Sole"])]
    processors: Annotated[str, Field(description="Names and ODS codes; empty: none.")]
    start: Annotated[date, Field(description=f"First day of its term. {DAY}")]
    end: Annotated[date, Field(description=f"Last day of its term, inclusive. {DAY}")]
    in_force_from: Annotated[
        date, Field(description=f"From when it governed: first day and all signatures. {DAY}")
    ]
    status: Annotated[
        str,
        Field(
            description="Of the agreement where this version governs; SUPERSEDED where a later one"
            " does.",
            examples=["ACTIVE"],
        ),
    ]
    ended_on: Annotated[
        date | None,
        Field(description=f"When it was ended early, or another version took over. {DAY}"),
    ]
    purposes: Annotated[list[str], Field(examples=[["COM"]])]
    data_sets: Annotated[list[str], Field(examples=[["SUS_APC"]])]
    classifications: Annotated[list[str], Field(examples=[["PSEUDO_ANONYMISED"]])]
    is_sensitive: Annotated[bool, Field(description="Whether any line is of sensitive data.")]
    legal_bases: Annotated[
        list[str], Field(description="Dissemination powers, by their codes.", examples=[["s261_1"]])
    ]
    commercial_purpose: bool
    sub_licensing: bool
    objectives: str
    origin: Annotated[
        str,
        Field(
            description="`application`; `template`: issued with many others; `imported`: signed"
            " before it was handed in here.",
            examples=["application"],
        ),
    ]

    @classmethod
    def of(cls, line: RegisteredAgreement) -> Self:
        return cls.model_validate(texts.shown_in(_members(line)))


def _members(line: RegisteredAgreement) -> dict[str, object]:
    return {name: getattr(line, name) for name in RegisteredAgreement.__dataclass_fields__}


class HiddenView(Outgoing):
    """What has no line in the register, and is not what was sealed: it may have had one."""

    reference: Annotated[str, Field(examples=["DARS-NIC-123456-A1B2C"])]
    not_as_sealed: Annotated[
        list[str], Field(description="Tables whose rows about it are not those that were sealed.")
    ]


HiddenOnes = Annotated[
    list[HiddenView],
    Field(
        description="What in this part of the register has no line, and is not what was sealed."
        " Empty: there is none."
    ),
]


class ContractRegisterPage(Page[RegisteredContractView]):
    """A part of the register."""

    hidden: HiddenOnes

    as_of: Annotated[datetime, Field(description="To when its statuses apply, in UTC.")]


class AgreementRegisterPage(Page[RegisteredAgreementView]):
    """A part of the register."""

    hidden: HiddenOnes

    as_of: Annotated[datetime, Field(description="To when its statuses apply, in UTC.")]


class RegisteredAgreementVersions(Outgoing):
    """All lines of one agreement, the first version first."""

    as_of: Annotated[datetime, Field(description="To when its statuses apply, in UTC.")]
    items: list[RegisteredAgreementView]


class StatementView(Outgoing):
    """How a register stands to what this service sealed in its signed chain and audit log."""

    register_: Annotated[PublicRegister, Field(alias="register", serialization_alias="register")]
    as_of: Annotated[datetime, Field(description="When it was compared, in UTC.")]
    is_complete: Annotated[
        bool,
        Field(description="Nothing that was sealed is gone, altered or unreadable."),
    ]
    rows: Annotated[int, Field(ge=0, description="Lines of the register.")]
    digest: Annotated[
        str,
        Field(
            description="SHA-256 over its lines in order, without `not_as_sealed`, in canonical"
            " JSON (RFC 8785): `items` of all pages, one after another.",
        ),
    ]
    missing: Annotated[
        list[str],
        Field(
            description="What was sealed and is not there any more: of contracts the organisation,"
            " of agreements, audits and of what went on the reference, of relationships the"
            " edition's number."
        ),
    ]
    not_as_sealed: Annotated[
        list[str], Field(description="What is not as it was sealed, in the same words.")
    ]
    unreadable: Annotated[list[UUID], Field(description="Records that cannot be read.")]
    epoch_seal: Annotated[
        str, Field(description="Digest of the newest link of the chain of seals.")
    ]
    seals: Annotated[int, Field(ge=-1, description="Number of that link, from 0; -1: none.")]
    log_size: Annotated[int, Field(ge=0, description="Leaves of the audit log.")]
    log_root: Annotated[str, Field(description="Its root (RFC 6962), in hexadecimal.")]
    statement: Annotated[
        str,
        Field(
            description="All of this as a JWS of `typ` `dsfc-register-statement+jws`; the key is in"
            " `/.well-known/jwks.json`."
        ),
    ]

    @classmethod
    def claims(cls, found: RegisterStatement) -> dict[str, JsonValue]:
        """Return what is signed."""
        return {
            "register": found.register.value,
            "as_of": found.as_of.isoformat(),
            "is_complete": found.is_complete,
            "rows": found.rows,
            "digest": found.digest,
            "missing": [*found.missing],
            "not_as_sealed": [*found.not_as_sealed],
            "unreadable": [str(one) for one in found.unreadable],
            "epoch_seal": found.recorded.seal,
            "seals": found.recorded.number,
            "log_size": found.recorded.log_size,
            "log_root": found.recorded.log_root,
        }


class SupportView(SealedView):
    """Which office of the DSCRO supports an organisation, as published."""

    organisation: Annotated[str, Field(description="An ODS code.", examples=["02P"])]
    day: Annotated[date, Field(description=f"To which it applies: today. {DAY}")]
    edition: Annotated[int | None, Field(description="Of the register; null: none is published.")]
    published_at: Annotated[datetime | None, Field(description="In UTC.")]
    items: Annotated[
        list[dict[str, JsonValue]],
        Field(
            description="The published relationships in force that name it, whichever its part is:"
            " commissioner, CSU, area team, DSCRO or other processor. Empty: none is published."
        ),
    ]


Rows = list[dict[str, JsonValue]]


class ChangedRelationshipView(Outgoing):
    """What two editions say of one relationship, as far as they differ."""

    lcr_ref: Annotated[str, Field(description="The relationship.")]
    before: Annotated[dict[str, JsonValue], Field(description="Columns that differ, as they were.")]
    after: Annotated[dict[str, JsonValue], Field(description="The same columns, as they became.")]


class DifferenceView(SealedView):
    """How a later edition of the relationships differs from an earlier one."""

    earlier: Annotated[int, Field(description="Number of the edition.", examples=[1])]
    later: Annotated[int, Field(description="Number of the edition.", examples=[2])]
    added: Annotated[Rows, Field(description="Rows that the later one alone has.")]
    removed: Annotated[Rows, Field(description="Rows that the earlier one alone has.")]
    changed: list[ChangedRelationshipView]


class UseView(Outgoing):
    """One use of one data set."""

    reference: Annotated[
        str, Field(description="The agreement.", examples=["DARS-NIC-123456-A1B2C"])
    ]
    version: Annotated[str, Field(examples=["v1.0"])]
    title: str
    purpose: Annotated[str, Field(description="RS, IV, COM or OTHER.", examples=["COM"])]
    objectives: str
    data_set: Annotated[str, Field(examples=["SUS_APC"])]
    source: Annotated[str, Field(description="What the data set is called.")]
    classification: Annotated[str, Field(examples=["PSEUDO_ANONYMISED"])]
    is_sensitive: bool
    first_period: Annotated[str, Field(description="A month.", examples=["2018-04"])]
    last_period: Annotated[str | None, Field(description="A month; null: the latest.")]
    recipients: Annotated[list[str], Field(description="Processors, by name and ODS code.")]
    environment: Annotated[
        str, Field(description="Where it is received.", examples=["0DF, analytics"])
    ]
    dissemination_power: Annotated[str, Field(examples=["s261_1"])]
    confidentiality: Annotated[
        str,
        Field(description="How the duty of confidentiality is met.", examples=["not_identifiable"]),
    ]
    article_6: Annotated[list[str], Field(description="UK GDPR.", examples=[["6(1)(e)"]])]
    article_9: Annotated[list[str], Field(description="UK GDPR.", examples=[["9(2)(h)"]])]
    schedule_1: Annotated[list[str], Field(description="Data Protection Act 2018.")]
    opt_outs_applied: Annotated[
        bool, Field(description="Whether people who objected are left out.")
    ]
    opt_out_reason: Annotated[str, Field(description="Why not; empty where they are.")]
    until: Annotated[date, Field(description=f"Last day of the agreement. {DAY}")]


class NoticeView(Outgoing):
    """What a controller's agreements in force let it do with data about people."""

    controller: Annotated[str, Field(description="An ODS code.", examples=["02P"])]
    name: str
    as_of: Annotated[datetime, Field(description="In UTC.")]
    uses: list[UseView]
    not_as_sealed: Annotated[
        list[str],
        Field(
            description="Tables whose rows about its agreements are not those that were sealed:"
            " this notice may say what nobody signed. Empty: all are as sealed."
        ),
    ]

    @classmethod
    def of(cls, found: Notice) -> Self:
        return cls(
            controller=found.controller,
            name=texts.shown(found.name),
            as_of=found.as_of,
            uses=[UseView.model_validate(texts.shown_in(_of_use(use))) for use in found.uses],
            not_as_sealed=[*found.not_as_sealed],
        )


def _of_use(use: object) -> dict[str, object]:
    return {name: getattr(use, name) for name in UseView.model_fields}
