"""What has to be kept in date, and whoever looks whether it is: staff, audits, lapses."""

from fastapi import APIRouter

from agreements.records.api.routes.oversight import audits, lapses, staff

router = APIRouter()
for part in (staff.router, audits.router, audits.register, lapses.router):
    router.include_router(part)
