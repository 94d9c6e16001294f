"""What is answered about standing orders."""

from collections import Counter
from datetime import datetime
from typing import Annotated, Any, Self
from uuid import UUID

from pydantic import Field

from catalogue import Catalogue
from common.audit import is_as_logged
from common.web.logged import IsAsLogged
from dissemination.api.schemas.extracts import Outgoing, RefusalView, WarningView
from dissemination.domain.extract import State
from dissemination.domain.orders.standing_order import OrderState, PeriodState
from dissemination.use_cases.standing_orders import OrderWithExtracts
from statements.filters import WantedFilter
from statements.standing_order import When
from statements.vocabulary import Classification, Format, Purpose


class OrderEndView(Outgoing):
    code: Annotated[
        str,
        Field(
            description="`ENDED_BY_REQUEST`, `ALL_PERIODS_RELEASED`, `LINE_NOT_IN_DSA` or"
            " `DSA_NOT_ACTIVE`.",
            examples=["ENDED_BY_REQUEST"],
        ),
    ]
    at: datetime


class OrderedPeriodView(Outgoing):
    """What became of one period."""

    month: Annotated[str, Field(description="YYYY-MM.", examples=["2018-04"])]
    state: Annotated[
        PeriodState,
        Field(
            description="`waiting`: there are records, and it is not frozen or not published;"
            " `skipped`: refused or failed, and asked for again, at the latest after six hours;"
            " `asked`: its extract is not released yet; `released`; `withdrawn`: its extract was"
            " withdrawn before its release, and is not asked for again."
        ),
    ]
    since: Annotated[datetime, Field(description="Since when it is so.")]
    code: Annotated[str | None, Field(description="The first reason; null where there is none.")]
    refusals: Annotated[list[RefusalView], Field(description="Every reason, of the newest try.")]
    attempts: Annotated[int, Field(description="How often it was asked for.")]
    tried_at: Annotated[datetime | None, Field(description="When it was asked for last.")]
    extract_id: Annotated[UUID | None, Field(description="The newest extract that it led to.")]
    extract_state: Annotated[
        State | None,
        Field(description="How that is: `superseded` where an edition in it was replaced since."),
    ]


class PeriodCounts(Outgoing):
    """How many periods are in each state."""

    waiting: int
    skipped: int
    asked: int
    released: int
    withdrawn: int


class StandingOrderView(Outgoing):
    """One instruction for a line, and how far it is."""

    id: UUID
    agreement: str
    purpose: Purpose
    data_set: str
    classification: Classification
    when: When
    first: Annotated[
        str, Field(serialization_alias="from", description="First month.", examples=["2018-04"])
    ]
    last: Annotated[
        str | None,
        Field(
            serialization_alias="until",
            description="Last month; null: as long as the agreement has the line.",
        ),
    ]
    fields: Annotated[
        list[str] | None, Field(description="Null: all that the line has on the day.")
    ]
    warnings: Annotated[
        list[WarningView],
        Field(description="Of the fields that are named; none of them is a refusal."),
    ]
    formats: list[Format]
    filters: list[WantedFilter]
    state: OrderState
    ended: Annotated[OrderEndView | None, Field(description="Why and when; null while active.")]
    counts: Annotated[PeriodCounts, Field(description="Of the months that have records.")]
    organisation: Annotated[str, Field(description="ODS code of whoever ordered.")]
    client_id: Annotated[
        str, Field(description="In whose name each period is decided: who ordered or confirmed.")
    ]
    ordered_at: datetime
    confirmed_at: Annotated[
        datetime, Field(description="When a token was last shown for the order itself.")
    ]
    changed_at: datetime
    is_as_logged: IsAsLogged

    @staticmethod
    def standing(shown: OrderWithExtracts, known: Catalogue) -> dict[str, Any]:
        """Return the members that a list shows too."""
        order, ordered = shown.order, shown.order.ordered
        counted = Counter(one.state for one in order.periods)
        return {
            "id": order.id,
            "agreement": ordered.agreement,
            "purpose": Purpose(ordered.purpose),
            "data_set": ordered.data_set,
            "classification": Classification(ordered.classification),
            "when": ordered.when,
            "first": order.first,
            "last": order.last,
            "fields": None if ordered.fields is None else list(ordered.fields),
            "warnings": WarningView.of(ordered.data_set, ordered.fields or (), known),
            "formats": [Format(one) for one in ordered.formats],
            "filters": [WantedFilter.model_validate(one) for one in ordered.filters],
            "state": order.state,
            "ended": None if order.end_ is None else OrderEndView.model_validate(order.end_),
            "counts": PeriodCounts(**{one.value: counted[one] for one in PeriodState}),
            "organisation": order.requester.organisation,
            "client_id": order.requester.client_id,
            "ordered_at": order.ordered_at,
            "confirmed_at": order.confirmed_at,
            "changed_at": order.changed_at,
            "is_as_logged": is_as_logged(f"standing-orders/{order.id}"),
        }

    @classmethod
    def of(cls, shown: OrderWithExtracts, known: Catalogue) -> Self:
        return cls(**cls.standing(shown, known))


class StandingOrderDetail(StandingOrderView):
    """The same with each period."""

    periods: Annotated[
        list[OrderedPeriodView],
        Field(description="In order; a month of which there are no records is not in it."),
    ]

    @classmethod
    def of(cls, shown: OrderWithExtracts, known: Catalogue) -> Self:
        made = {extract.id: extract.state for extract in shown.extracts}
        said = cls.standing(shown, known)
        told = is_as_logged(
            f"standing-orders/{shown.order.id}", *(f"extracts/{id_}" for id_ in made)
        )
        named = {one.extract_id for one in shown.order.periods} - {None}
        said["is_as_logged"] = told if named == made.keys() else False
        return cls(
            **said,
            periods=[
                OrderedPeriodView(
                    month=one.month,
                    state=one.state,
                    since=one.at,
                    code=one.refusals[0].code if one.refusals else None,
                    refusals=[RefusalView.model_validate(refusal) for refusal in one.refusals],
                    attempts=one.attempts,
                    tried_at=one.tried_at,
                    extract_id=one.extract_id,
                    extract_state=None if one.extract_id is None else made.get(one.extract_id),
                )
                for one in shown.order.periods
            ],
        )
