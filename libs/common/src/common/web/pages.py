"""`/docs`: the interactive pages of an API, out of the service itself.

Swagger UI comes in a wheel, so that the pages need no other machine, and may do nothing but
run the scripts that are served here and call the API that they describe. Nothing is inline.
"""

from collections.abc import Callable
from functools import cache
from html import escape
from importlib import resources

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse

from common.web.auth import public

WHEEL = "fastapi_swagger.resources"

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self';"
    " img-src 'self' data:;"  # Swagger UI's style sheet draws its arrows so
    " base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

# Addresses are relative, so that the page also works behind a prefix. A token that is typed in
# is forgotten when the page is left.
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<link rel="icon" href="docs/icon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="page"></div>
<script src="docs/swagger-ui.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""

START = """\
SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#page",
  deepLinking: true,
  defaultModelsExpandDepth: 0,
  displayRequestDuration: true,
  docExpansion: "list",
  filter: true,
  persistAuthorization: false,
  tryItOutEnabled: true,
  validatorUrl: null,
});
"""

HEADERS = {"Cache-Control": "max-age=3600"}

router = APIRouter(
    include_in_schema=False, dependencies=[public("The documentation holds no data.")]
)


@router.get("/docs")
async def docs(request: Request) -> HTMLResponse:
    """Answer the page, with a policy of its own in place of that of all other answers."""
    return HTMLResponse(
        PAGE.format(title=escape(request.app.title)),
        headers={"Content-Security-Policy": POLICY},
    )


@router.get("/docs/start.js")
async def start() -> Response:
    """Answer the script that says what the page shows."""
    return Response(START, media_type="text/javascript", headers=HEADERS)


@cache
def _read(name: str) -> bytes:
    return (resources.files(WHEEL) / name).read_bytes()


def _asset(name: str, media_type: str) -> Callable[[], Response]:
    def asset() -> Response:
        return Response(_read(name), media_type=media_type, headers=HEADERS)

    return asset


for _path, _name, _media_type in (
    ("/docs/swagger-ui.js", "swagger-ui-bundle.js", "text/javascript"),
    ("/docs/swagger-ui.css", "swagger-ui.css", "text/css"),
    ("/docs/icon.png", "favicon-32x32.png", "image/png"),
):
    router.add_api_route(_path, _asset(_name, _media_type), response_class=Response)
