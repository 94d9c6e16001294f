"""HTTP in, use case, HTTP out, by what the routes are about.

Endpoints are `def`: the database blocks, so they run in threads. Downloads are not: they
hold the connection.
"""

from fastapi import APIRouter

from dissemination.api.routes import (
    bridging_files,
    catalogue,
    deliveries,
    disclosure,
    extracts,
    files,
    register,
    standing_orders,
    tabulations,
)

router = APIRouter()
for part in (
    *(extracts, tabulations, bridging_files, standing_orders, files, deliveries, register),
    *(catalogue, disclosure),
):
    router.include_router(part.router)
router.include_router(extracts.landed_router)
