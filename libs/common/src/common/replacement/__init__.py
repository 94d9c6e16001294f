"""The one guard for everything that replaces what others rest on (rulings 20; docs/adr/0022).

A list of opt-outs, an edition, a map, the organisations, assurance, relationships, publications:
each is replaced as a whole by what somebody sends, and each was believed blindly once. Now all of
them pass here:

1. *Count what changes.* `Change.between(before, after)` for keyed rows, `Change.of_sets` for sets,
   or `Change(...)` from counts that an engine made.
2. *Judge it.* `rules.load().judge(kind, change, on=day, over_window=…)` holds it against the dated
   share and floor of `rules.yaml`. What replaces nothing, and what only takes permission away (the
   rule's `free` counts), is never delayed. Small changes in a row are held, all together, against
   what was in force in a dated window (`of_late`, `over_window`); a list that replaces nothing
   against what is there already (`reach`).
3. *Keep how it stands.* `ReplacementStatus.begun(judgement, by=…, at=…)` is `accepted`, or
   `waiting` until a second person says why. It is a frozen part of the thing itself;
   `common.db.replacement` has its columns, `common.web.replacement` its view, bodies and the
   filter `state=waiting`.

How it may come from one to the next is in `standing.REPLACEMENT` (docs/states.md).

*While it waits the stricter of both holds*: what is in force goes on, and in addition whatever
the waiting one takes away is gone already. Each kind says what that is: nobody on either list is
released; nothing that either revokes is permitted; a waiting edition leaves the one in force.

Routes have one shape everywhere: `GET …?state=waiting`, `POST …/{id}/confirmation` and
`POST …/{id}/withdrawal`, both with a reason; a withdrawal is repeated by a second person where the
answer says `leaving`. A command that may take permission away waits with its answer as ever.
"""

from common.replacement.baseline import of_late
from common.replacement.change import Change, Reach, ReplacementKind
from common.replacement.rules import FirstLimit, Judgement, Limit, ReplacementLimits
from common.replacement.standing import (
    EFFECTIVE,
    ReplacementDecided,
    ReplacementOutdated,
    ReplacementStatus,
    SecondPersonNeeded,
    State,
    is_one_of,
    is_same_person,
    person_of,
    require_another_person,
)

__all__ = [
    "EFFECTIVE",
    "Change",
    "FirstLimit",
    "Judgement",
    "Limit",
    "Reach",
    "ReplacementDecided",
    "ReplacementKind",
    "ReplacementLimits",
    "ReplacementOutdated",
    "ReplacementStatus",
    "SecondPersonNeeded",
    "State",
    "is_one_of",
    "is_same_person",
    "of_late",
    "person_of",
    "require_another_person",
]
