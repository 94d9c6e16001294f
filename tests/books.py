"""What the books of the services say of a file: three databases and two logs."""

from tests.running import Scene


def released_once(played: Scene, file_id: str) -> None:
    """There is one of each (design.md section 10, S2)."""
    short = file_id.replace("-", "")
    counted = {
        "manifest": played.rows("dissemination", "SELECT 1 FROM release WHERE file_id = ?", short),
        "register line": played.rows(
            "dissemination", "SELECT 1 FROM register_line WHERE file_id = ?", short
        ),
        "release decision": played.rows(
            "agreements",
            "SELECT 1 FROM decision WHERE action = 'release' AND permitted AND subject = ?",
            file_id,
        ),
        "holding": played.rows("agreements", "SELECT 1 FROM holding WHERE file_id = ?", file_id),
        "prepared file": played.rows(
            "pseudonymisation", "SELECT 1 FROM prepared_file WHERE id = ?", short
        ),
        "audit leaf": [
            leaf
            for leaf in played.leaves("dissemination")
            if (leaf["action"], leaf["resource"]) == ("file-released", f"files/{file_id}")
        ],
        "leaf of the decision": [
            leaf
            for leaf in played.leaves("agreements")
            if leaf["action"] == "release-permitted" and leaf["detail"]["about"] == file_id
        ],
    }
    assert {what: len(found) for what, found in counted.items()} == dict.fromkeys(counted, 1)
