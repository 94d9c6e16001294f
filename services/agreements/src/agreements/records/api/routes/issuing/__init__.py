"""Many agreements at once: templates, bulk issue, and agreements in force already (ruling 19)."""

from fastapi import APIRouter

from agreements.records.api.routes.issuing import batches, templates

router = APIRouter()
router.include_router(templates.router)
router.include_router(batches.router)
