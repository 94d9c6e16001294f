"""What an image holds and what it was made from: sbom.cdx.json (CycloneDX 1.5) and provenance.json.

Run in the build stage of the Dockerfile, with the base image's interpreter and nothing installed:
`describe.py SERVICE REVISION SOURCE_DATE_EPOCH FOLDER < the CycloneDX document of uv export`. The
same input gives the same bytes: the document's serial number and time are made from its content
and the epoch. Licences are those of `licences.json`, which `make contracts` generates; a component
that it does not have ends the build.
"""

import hashlib
import json
import platform
import sys
import uuid
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).parent


def main(service: str, revision: str, epoch: str, folder: Path) -> None:
    made = datetime.fromtimestamp(int(epoch), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    bill = json.load(sys.stdin)
    bill["metadata"]["timestamp"] = made
    licences = json.loads((HERE / "licences.json").read_text(encoding="utf-8"))
    for component in bill["components"]:
        if not component["name"].startswith("dsfc-"):
            component["licenses"] = [{"expression": licences[component["name"]]}]
    del bill["serialNumber"]
    content = json.dumps(bill, sort_keys=True)
    bill["serialNumber"] = uuid.uuid5(uuid.NAMESPACE_OID, content).urn
    _write(folder / "sbom.cdx.json", bill)
    _write(
        folder / "provenance.json",
        {
            "service": service,
            "revision": revision,
            "source_date": made,
            "python": platform.python_version(),
            "lock_sha256": hashlib.sha256(Path("uv.lock").read_bytes()).hexdigest(),
            "code_sha256": _digest(folder / "lib"),
            "recipe_sha256": hashlib.sha256(Path("Dockerfile").read_bytes()).hexdigest(),
        },
    )


def _digest(folder: Path) -> str:
    """A digest of every file's path and content."""
    lines = (
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _write(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=2, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]))
