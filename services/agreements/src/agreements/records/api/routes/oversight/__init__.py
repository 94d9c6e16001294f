"""What has to be kept in date, and who looks: staff, audits, directions, letters, lapses."""

from fastapi import APIRouter

from agreements.records.api.routes.oversight import (
    audits,
    directions,
    instructions,
    lapses,
    staff,
    supports,
    waivers,
)

router = APIRouter()
for part in (
    *(staff.router, audits.router, audits.register, directions.router, lapses.router),
    *(waivers.router, waivers.removing, instructions.router, instructions.removing),
    *(supports.router, supports.removing),
):
    router.include_router(part)
