"""HTTP in, use case, HTTP out.

Commands that may remove permission are on routers whose route class is `RemovesPermission`: their
answer waits until no lease given before can be alive (design.md section 5).
"""

from fastapi import APIRouter

from agreements.records.api.routes import (
    agreements,
    breaches,
    contracts,
    desk,
    destruction,
    imports,
    issuing,
    organisations,
    oversight,
    passing,
    registers,
    registrations,
    relationships,
    sharing,
    submission_rights,
)

router = APIRouter()
for part in (
    organisations,
    contracts,
    agreements,
    desk,
    issuing,
    destruction,
    sharing,
    relationships,
    registrations,
    submission_rights,
    imports,
    breaches,
    oversight,
    passing,
    registers,
):
    router.include_router(part.router)
    if hasattr(part, "removing"):
        router.include_router(part.removing)
