"""What lies on somebody's desk: the inbox, and many signatures as one act."""

from fastapi import APIRouter

from agreements.records.api.routes.desk import inbox, signing

router = APIRouter()
router.include_router(inbox.router)
router.include_router(signing.removing)
