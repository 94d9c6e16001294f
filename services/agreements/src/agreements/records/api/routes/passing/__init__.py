"""What passes from one recipient to another: pseudonym domains, and data by a clause."""

from fastapi import APIRouter

from agreements.records.api.routes.passing import domain_transfers, onward_shares

router = APIRouter()
for part in (domain_transfers.router, onward_shares.router):
    router.include_router(part)
removing = domain_transfers.removing
