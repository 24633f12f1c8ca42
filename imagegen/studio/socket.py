"""The WebSockets on which pages hear what happens: of everything, or of one storyboard project."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING

from fastapi import APIRouter
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from imagegen.studio.subscriptions import Subscription

if TYPE_CHECKING:
    from imagegen.studio.running import Studio

PATIENCE = 20.0
"""Seconds that one message may take to be sent; a page that reads more slowly is let go."""

FELL_BEHIND, NO_SUCH = 1013, 4404
"""Codes with which a socket is closed: try again later (RFC 6455's registry), and one of our own."""


def router(studio: Studio) -> APIRouter:
    routes = APIRouter()

    @routes.websocket("/api/live")
    async def everything(websocket: WebSocket) -> None:
        await _serve(websocket, studio, None)

    @routes.websocket("/api/projects/{project}/live")
    async def of_one(websocket: WebSocket, project: str) -> None:
        await _serve(websocket, studio, project)

    return routes


async def _serve(websocket: WebSocket, studio: Studio, project: str | None) -> None:
    await websocket.accept()
    if project is not None and await asyncio.to_thread(studio.project.storyboard_of, project) is None:
        await websocket.close(NO_SUCH, "there is no such project")
        return
    subscription = Subscription(project)
    await asyncio.to_thread(studio.hub.subscribe, subscription)
    sending = asyncio.create_task(_send(websocket, subscription))
    listening = asyncio.create_task(_listen(websocket))
    try:
        await asyncio.wait({sending, listening}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        studio.hub.leave(subscription)
        for one in (sending, listening):
            one.cancel()
        await asyncio.gather(sending, listening, return_exceptions=True)
        if websocket.application_state is WebSocketState.CONNECTED:
            with contextlib.suppress(RuntimeError, WebSocketDisconnect, TimeoutError):
                await asyncio.wait_for(websocket.close(FELL_BEHIND if subscription.lost else 1000), PATIENCE)


async def _send(websocket: WebSocket, subscription: Subscription) -> None:
    while True:
        for message in await subscription.take():
            if subscription.lost:
                return
            text = json.dumps(message)  # in ASCII: a file's name may hold what is no letter
            try:
                await asyncio.wait_for(websocket.send_text(text), PATIENCE)
            except (TimeoutError, WebSocketDisconnect, RuntimeError):
                subscription.lost = True
                return


async def _listen(websocket: WebSocket) -> None:
    """A page says nothing; what is waited for is its leaving."""
    while (await websocket.receive())["type"] != "websocket.disconnect":
        continue
