"""The studio as one ASGI application: the page, its data, its pictures, its live events."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI, Request, Response

from imagegen.studio import builds_api, items_api, pictures, refusal, socket, storyboard_api
from imagegen.studio.refusal import Refused

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

PAGE = Path(__file__).parent / "page"
"""Where the page's own files are, flat or in folders."""

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".woff2": "font/woff2",
    ".json": "application/json",
}
"""Written down, since what a system says of .js depends on what was installed on it."""


def create(studio: Studio) -> FastAPI:
    """The application over the parts of one studio. Nothing guards it yet: that goes around it."""
    app = FastAPI(title="imagegen studio", openapi_url=None, docs_url=None, redoc_url=None)
    refusal.install(app)
    for part in (items_api, builds_api, pictures, socket, storyboard_api):
        app.include_router(part.router(studio))

    @app.get("/")
    def index(request: Request) -> Response:
        return _file(request, "index.html")

    @app.get("/static/{name:path}")
    def static(request: Request, name: str) -> Response:
        return _file(request, name)

    return app


def _file(request: Request, name: str) -> Response:
    """A file of the page. Raises Refused."""
    try:
        path = (PAGE / name).resolve()
        there = path.is_relative_to(PAGE.resolve()) and path.is_file()
    except OSError:  # a name that no file can have
        there = False
    kind = _TYPES.get(path.suffix) if there else None
    if kind is None:
        raise Refused(404, f"there is no {name}", "")
    state = path.stat()
    headers = {"Cache-Control": "no-cache", "ETag": f'"{state.st_mtime_ns:x}-{state.st_size:x}"'}
    if request.headers.get("if-none-match") == headers["ETag"]:
        return Response(status_code=304, headers=headers)
    return Response(path.read_bytes(), media_type=kind, headers=headers)
