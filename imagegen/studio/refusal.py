"""Errors as the studio's answers: ``{"error": …, "hint": …}`` with a status of HTTP's that says what kind it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from imagegen.errors import BuildFailed, ImagegenError, Unreachable, WrongInput

BUG = ("a fault of imagegen's own", "the terminal shows more of it")


class Refused(ImagegenError):
    """What was asked can't be done: ``http`` is the answer's status, ``more`` goes into it beside error and hint."""

    def __init__(self, http: int, message: str, hint: str = "", more: Mapping[str, Any] | None = None) -> None:
        super().__init__(message, hint)
        self.http, self.more = http, dict(more or {})


def told(error: ImagegenError) -> JSONResponse:
    """The answer that an error becomes."""
    if isinstance(error, Refused):
        return _answer(error.http, error.message, error.hint, error.more)
    if isinstance(error, WrongInput):
        first = error.problems[0] if len(error.problems) == 1 else None
        if first is not None:
            where = "".join(f"{part}: " for part in (str(first.place), first.path) if part)
            return _answer(400, where + first.message, first.hint)
        return _answer(400, error.message, error.hint)
    status = 503 if isinstance(error, Unreachable) else 409 if isinstance(error, BuildFailed) else 503
    return _answer(status, error.message, error.hint)


def install(app: FastAPI) -> None:
    """Let ``app`` answer its errors so."""

    async def ours(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, ImagegenError)
        return told(error)

    async def https(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, HTTPException)
        words = {404: "there is nothing here", 405: f"{request.method} can't be done here"}
        return _answer(error.status_code, words.get(error.status_code, str(error.detail)), headers=error.headers)

    async def body(request: Request, error: Exception) -> JSONResponse:
        assert isinstance(error, RequestValidationError)
        return _answer(422, "; ".join(_complaint(one) for one in error.errors()[:5]))

    async def bug(request: Request, error: Exception) -> JSONResponse:
        return _answer(500, *BUG)  # and the error goes on, to whoever stands around the app

    app.add_exception_handler(Exception, bug)
    app.add_exception_handler(ImagegenError, ours)
    app.add_exception_handler(HTTPException, https)
    app.add_exception_handler(RequestValidationError, body)


def _complaint(found: Mapping[str, Any]) -> str:
    where = ".".join(str(part) for part in found["loc"] if part not in ("body", "query", "path"))
    return f"{where}: {found['msg']}" if where else str(found["msg"])


def _answer(
    status: int,
    message: str,
    hint: str = "",
    more: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    content = {"error": legible(message), "hint": legible(hint), **(more or {})}
    return JSONResponse(content, status, headers=dict(headers or {}))


def legible(text: str) -> str:
    """A text that every answer can hold: a folder's name may be bytes that are no letters."""
    return text.encode(errors="replace").decode()
