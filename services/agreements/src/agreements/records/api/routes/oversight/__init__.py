"""What has to be kept in date, and who looks whether it is: staff, audits, directions, lapses."""

from fastapi import APIRouter

from agreements.records.api.routes.oversight import audits, directions, lapses, staff

router = APIRouter()
for part in (staff.router, audits.router, audits.register, directions.router, lapses.router):
    router.include_router(part)
