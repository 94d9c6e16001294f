"""The public notice of a controller: which data about people it uses, and what they may choose.

Made from its agreements in force alone, so that it says no more and no less than what the gate
lets through (UK GDPR Articles 13 and 14; Standard 19 of domain.md 2.4).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from agreements.records.domain.agreement import Agreement
from agreements.records.domain.lists.agreement_register import (
    lines_of,
    processors_of,
    published_of,
)
from agreements.records.domain.version import AgreementVersion
from statements.document import NamedBases, Terms, read


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """One use of one data set by a controller."""

    reference: str
    version: str
    title: str
    purpose: str
    objectives: str
    data_set: str
    source: str
    classification: str
    is_sensitive: bool
    first_period: str
    last_period: str | None
    recipients: tuple[str, ...]
    environment: str
    dissemination_power: str
    confidentiality: str
    article_6: tuple[str, ...]
    article_9: tuple[str, ...]
    schedule_1: tuple[str, ...]
    opt_outs_applied: bool
    opt_out_reason: str
    until: date


def uses(
    agreement: Agreement,
    version: AgreementVersion,
    controller: str,
    *,
    titles: Mapping[str, str],
) -> Iterator[Use]:
    """Return what one agreement lets a controller use; `titles`: of data sets, by digest.

    Raises:
        Malformed: the document does not say what a notice publishes of it.

    """
    document = read(version.document)
    purposes = published_of(document).sections.objective.purposes
    objectives = "; ".join(one.objective for one in purposes)
    for line in lines_of(document):
        yield _use(
            version,
            line,
            reference=agreement.reference,
            objectives=objectives,
            source=titles.get(line.catalogue_digest, line.key.data_set),
            bases=document.bases.get(controller, NamedBases()),
        )


def _use(
    version: AgreementVersion,
    line: Terms,
    *,
    reference: str,
    objectives: str,
    source: str,
    bases: NamedBases,
) -> Use:
    return Use(
        reference=reference,
        version=version.number,
        title=version.title,
        purpose=line.key.purpose,
        objectives=objectives,
        data_set=line.key.data_set,
        source=source,
        classification=line.key.classification,
        is_sensitive=line.sensitivity == "SENSITIVE",
        first_period=line.first_period,
        last_period=line.last_period,
        recipients=tuple(processors_of(version)),
        environment=f"{line.environment_organisation}, {line.environment_kind}",
        dissemination_power=line.power,
        confidentiality=line.route,
        article_6=bases.article_6,
        article_9=bases.article_9,
        schedule_1=bases.schedule_1,
        opt_outs_applied=line.opt_outs_applied,
        opt_out_reason=line.opt_out_reason or "",
        until=version.valid_to,
    )
