"""Apps that an Inngest server calls, served on loopback; and the function whose calls were recorded.

python -m tests.servers.inngest_apps PORT SERVER    serves that function, and stays in its third step
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime
import socket
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator

import fastapi
import inngest
import inngest.fast_api
import uvicorn

PATH = "/api/inngest"


@contextlib.contextmanager
def serving(app: fastapi.FastAPI, port: int = 0) -> Iterator[str]:
    """The app's address, while it is served from a thread of its own."""
    listening = socket.create_server(("127.0.0.1", port))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off", timeout_graceful_shutdown=5))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, name="app", daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()


def recorded_app(server: str, generate: Callable[[int], Awaitable[str]]) -> fastapi.FastAPI:
    """The function that was served when a real server's calls were recorded; ``generate`` is its third step."""
    client = inngest.Inngest(app_id="img", is_production=False, api_base_url=server, event_api_base_url=server)

    async def failed(ctx: inngest.Context) -> None:
        """Nothing."""

    @client.create_function(
        fn_id="image-generate", trigger=inngest.TriggerEvent(event="image/generate"), retries=2, on_failure=failed
    )
    async def image_generate(ctx: inngest.Context) -> dict[str, str]:
        async def run_id() -> str:
            return ctx.run_id

        async def nothing() -> None:
            """Nothing."""

        await ctx.step.run("create-job", run_id)
        await ctx.step.run("update-status", nothing)
        file = await ctx.step.run("generate-image", generate, ctx.attempt)
        await ctx.step.run("update-sentence", nothing)
        await ctx.step.run("complete-job", nothing)
        await ctx.step.send_event("emit-completed", inngest.Event(name="image/completed", data={"imageFile": file}))
        return {"imageFile": file}

    app = fastapi.FastAPI()
    inngest.fast_api.serve(app, client, [image_generate])
    return app


async def one_failure(attempt: int) -> str:
    if attempt == 0:
        raise ValueError("boom")
    return "s0.png"


async def three_failures(attempt: int) -> str:
    raise ValueError("boom")


async def non_retriable(attempt: int) -> str:
    raise inngest.NonRetriableError("boom")


async def retry_after(attempt: int) -> str:
    raise inngest.RetryAfterError("boom", datetime.timedelta(seconds=30 * 2**attempt))


async def killed(attempt: int) -> str:
    if attempt == 0:
        print("generating", flush=True)
        await asyncio.sleep(60)
    return "s0.png"


if __name__ == "__main__":
    with serving(recorded_app(sys.argv[2], killed), int(sys.argv[1])):
        print("serving", flush=True)
        threading.Event().wait()
