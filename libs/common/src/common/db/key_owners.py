"""Gives idempotency keys that were kept by an older rule the owner by which they are found now.

Released migrations call this: what it does to a database does not change.
"""

import json

from sqlalchemy import Connection, text

from common.security.principal import key_owner


def rename(connection: Connection) -> int:
    """Rename the owners of all keys from the audit log; return how many were renamed.

    The first leaf about a resource says who created it. A key whose resource no leaf names keeps
    its owner, and is not found any more.
    """
    keys = connection.execute(text("SELECT actor, key, resource FROM idempotency")).all()
    wanted = {row.resource for row in keys}
    owners: dict[str, str] = {}
    if wanted:
        leaves = connection.execute(text('SELECT entry FROM audit_leaf ORDER BY "index"'))
        for (entry,) in leaves.yield_per(1_000):
            leaf = json.loads(entry)
            resource = str(leaf["resource"]).rpartition("/")[2]
            if resource in wanted and resource not in owners:
                owners[resource] = key_owner(
                    leaf["client_id"], leaf["subject"], leaf["organisation"]
                )
    renamed = [row for row in keys if owners.get(row.resource, row.actor) != row.actor]
    for row in renamed:
        connection.execute(
            text("UPDATE idempotency SET actor = :owner WHERE actor = :actor AND key = :key"),
            {"owner": owners[row.resource], "actor": row.actor, "key": row.key},
        )
    return len(renamed)
