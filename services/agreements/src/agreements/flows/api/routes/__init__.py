"""HTTP in, use case, HTTP out."""

from fastapi import APIRouter

from agreements.flows.api.routes import local_flows

router = APIRouter()
router.include_router(local_flows.router)
