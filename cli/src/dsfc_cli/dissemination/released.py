"""`dsfc tables`, `bridging-files` and `deliveries`: what was asked for, released and fetched."""

from collections.abc import Mapping
from typing import Final

from dsfc_cli.shell.methods import does, group, lists, shows
from dsfc_cli.shell.printing import Column
from dsfc_client import Dissemination

ASKED_FOR: Final[Mapping[str, Column]] = {
    "id": "id",
    "agreement": "agreement",
    "data set": "data_set",
    "state": "state",
    "files": lambda one: len(one["files"]),
    "refused": lambda one: [no["code"] for no in one["refusals"]],
}

tables = group(
    "dissemination",
    "Tables of counts that were asked for; `dsfc table` asks for one.",
    example="dsfc tables --as csu-0df-analytics list",
)
lists(
    tables,
    "list",
    Dissemination.tabulations,
    ASKED_FOR,
    words={"agreement": "Only those under it."},
    example="dsfc tables --as csu-0df-analytics list",
)
shows(
    tables,
    "show",
    Dissemination.tabulation,
    example="dsfc tables --as csu-0df-analytics show ID",
)
does(
    tables,
    "withdraw",
    Dissemination.withdraw_tabulation,
    example="dsfc tables --as csu-0df-analytics withdraw ID",
)

bridging_files = group(
    "dissemination",
    "Bridging files that were asked for; `dsfc bridging-file` asks for one.",
    example="dsfc bridging-files --as csu-0df-analytics list",
)
lists(
    bridging_files,
    "list",
    Dissemination.bridging_files,
    {**ASKED_FOR, "bridged with": "bridge.agreement"},
    words={"agreement": "Only those under it."},
    example="dsfc bridging-files --as csu-0df-analytics list",
)
shows(
    bridging_files,
    "show",
    Dissemination.bridging_file,
    example="dsfc bridging-files --as csu-0df-analytics show ID",
)
does(
    bridging_files,
    "withdraw",
    Dissemination.withdraw_bridging_file,
    example="dsfc bridging-files --as csu-0df-analytics withdraw ID",
)

deliveries = group(
    "dissemination",
    "Who fetched which bytes of which file, and what the audit log says of an agreement.",
    example="dsfc deliveries --as body-auditor list",
)
lists(
    deliveries,
    "list",
    Dissemination.deliveries,
    {
        "id": "id",
        "file": "file_id",
        "agreement": "agreement",
        "by": "client_id",
        "begun": "begun_at",
        "ended": "ended_at",
        "bytes": "bytes",
        "outcome": "outcome",
        "code": "code",
    },
    words={"agreement": "Only those under it."},
    whole=("id", "file"),
    example="dsfc deliveries --as body-auditor list --agreement DARS-NIC-123456-A1B2C",
)
lists(
    deliveries,
    "log",
    Dissemination.release_log,
    {
        "leaf": "index",
        "at": lambda one: one["entry"].get("at"),
        "action": lambda one: one["entry"].get("action"),
        "what": lambda one: one["entry"].get("resource"),
        "by": lambda one: one["entry"].get("client_id"),
        "hash": "hash",
    },
    whole=("leaf", "hash"),
    example="dsfc deliveries --as body-auditor log DARS-NIC-123456-A1B2C",
)
shows(
    deliveries,
    "manifest",
    Dissemination.manifest,
    example="dsfc deliveries --as csu-0df-analytics manifest ID",
)
