"""What FastAPI hands to the endpoints of data quality."""

from typing import Annotated

from common.web.context import from_state, permitted
from pseudonymisation.quality.api import permissions
from pseudonymisation.quality.use_cases.context import QualityContext

STATE = "quality"
ReportCtx = Annotated[QualityContext, permitted(permissions.READ_REPORTS, state=STATE)]
QualityCtx = Annotated[QualityContext, permitted(permissions.READ_QUALITY, state=STATE)]
ExpectCtx = Annotated[QualityContext, permitted(permissions.EXPECT_FILES, state=STATE)]
SummaryCtx = Annotated[QualityContext, permitted(permissions.READ_SUMMARY, state=STATE)]
PublicCtx = Annotated[QualityContext, from_state(STATE)]
