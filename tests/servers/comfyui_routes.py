"""What the server answers on each route. Nothing here knows sockets or threads."""

from __future__ import annotations

import ipaddress
import json
import mimetypes
import re
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from .comfyui_files import FOLDERS, annotated, is_outside
from .comfyui_multipart import form_fields
from .comfyui_queue import Job
from .comfyui_record import Request
from .comfyui_validation import check

if TYPE_CHECKING:
    from .comfyui import ComfyServer

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")


@dataclass
class Response:
    """An answer, before it is sent."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)


Route = Callable[["ComfyServer", Request, str], Response]


def respond(server: ComfyServer, request: Request) -> Response:
    """The answer to a request, which may have done something."""
    name, _, argument = request.path.strip("/").partition("/")
    methods = _ROUTES.get((name, bool(argument)), {})
    route = methods.get("GET" if request.method == "HEAD" else request.method)
    if route is None:
        return _text(405, "405: Method Not Allowed") if methods else Response(404)
    try:
        return route(server, request, argument)
    except (KeyError, TypeError, ValueError, AttributeError):  # broken JSON, and JSON of another shape
        return _text(500, "500 Internal Server Error\n\nServer got itself in trouble")


def is_foreign(headers: Message) -> bool:
    """Whether a request comes from another host's web page: Origin and Host differ, on a loopback server."""
    host, origin = headers.get("Host"), headers.get("Origin")
    if host is None or origin is None:
        return False
    here, there = urlsplit(f"//{host.lower()}"), urlsplit(origin.lower())
    if not here.hostname or not there.hostname or not _is_loopback(here.hostname):
        return False
    if here.port is None or there.port is None:
        return here.hostname != there.hostname
    return here.netloc != there.netloc


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _json(value: Any, status: int = 200) -> Response:
    return Response(status, json.dumps(value).encode(), {"Content-Type": "application/json; charset=utf-8"})


def _text(status: int, text: str) -> Response:
    return Response(status, text.encode(), {"Content-Type": "text/plain; charset=utf-8"})


def _refusal(kind: str, message: str, details: str) -> Response:
    error = {"type": kind, "message": message, "details": details, "extra_info": {}}
    return _json({"error": error, "node_errors": {}}, 400)


def _page(server: ComfyServer, request: Request, _: str) -> Response:
    return Response(200, b"<!DOCTYPE html><title>ComfyUI</title>", {"Content-Type": "text/html"})


def _submit(server: ComfyServer, request: Request, _: str) -> Response:
    asked = json.loads(request.data)
    number = float(asked["number"]) if "number" in asked else next(server.life.numbers)
    if asked.get("front") and "number" not in asked:
        number = -number
    if "prompt" not in asked:
        return _refusal("no_prompt", "No prompt provided", "No prompt provided")
    prompt_id = _prompt_id(server, asked)
    if prompt_id is None:
        return _refusal("invalid_prompt_id", "The prompt_id must be a UUID", str(asked["prompt_id"]))
    graph = asked["prompt"]
    verdict = check(graph, server.types, server.has_input, server.options.newer)
    if verdict.error is not None:
        return _json({"error": verdict.error, "node_errors": verdict.node_errors}, 400)
    extra = asked.get("extra_data", {})
    if "client_id" in asked:
        extra["client_id"] = asked["client_id"]
    server.submit(Job(number, prompt_id, graph, extra, verdict.outputs))
    if server.faults.take("node errors"):
        verdict.node_errors["99"] = _another_bad_output()
    return _json({"prompt_id": prompt_id, "number": number, "node_errors": verdict.node_errors})


def _prompt_id(server: ComfyServer, asked: dict[str, Any]) -> str | None:
    """The job's id: the client's own, or one drawn; None when it is refused."""
    own = str(uuid.uuid4())
    if not server.options.takes_prompt_id or (server.options.newer and asked.get("prompt_id") is None):
        return own
    chosen = str(asked.get("prompt_id", own))  # null becomes "None", on 0.3.64 too
    return None if server.options.newer and not _UUID.fullmatch(chosen) else chosen


def _another_bad_output() -> dict[str, Any]:
    missing = {
        "type": "required_input_missing",
        "message": "Required input is missing",
        "details": "images",
        "extra_info": {"input_name": "images"},
    }
    return {"errors": [missing], "dependent_outputs": ["99"], "class_type": "SaveImage"}


def _remaining(server: ComfyServer, request: Request, _: str) -> Response:
    return _json(server.life.status())


def _queue(server: ComfyServer, request: Request, _: str) -> Response:
    queue = server.life.queue
    with server.changed:
        running = [queue.running.entry] if queue.running else []
        return _json({"queue_running": running, "queue_pending": [job.entry for job in queue.pending]})


def _change_queue(server: ComfyServer, request: Request, _: str) -> Response:
    asked = json.loads(request.data)
    with server.changed:
        if asked.get("clear"):
            server.clearances += 1
            server.life.queue.clear()
        for prompt_id in asked.get("delete", []):
            server.deleted.append(prompt_id)
            server.life.queue.delete(prompt_id)
    return Response()


def _interrupt(server: ComfyServer, request: Request, _: str) -> Response:
    prompt_id = (request.body or {}).get("prompt_id")
    with server.changed:
        server.interrupts.append(prompt_id)
        server.life.interrupt(prompt_id or None)
    return Response()


def _history(server: ComfyServer, request: Request, prompt_id: str) -> Response:
    queue = server.life.queue
    if prompt_id:
        return _json(queue.history_of(prompt_id))
    most = int(request.query["max_items"]) if "max_items" in request.query else None
    return _json(queue.last(most, int(request.query.get("offset", -1))))


def _change_history(server: ComfyServer, request: Request, _: str) -> Response:
    asked = json.loads(request.data)
    with server.changed:
        if asked.get("clear"):
            server.life.queue.history.clear()
        for prompt_id in asked.get("delete", []):
            server.history_deleted.append(prompt_id)
            server.life.queue.history.pop(prompt_id, None)
        server.changed.notify_all()
    return Response()


def _view(server: ComfyServer, request: Request, _: str) -> Response:
    if "filename" not in request.query:
        return Response(404)
    folder, _subfolder, filename = annotated(request.query["filename"], request.query.get("type", "output"))
    if not filename or request.query["filename"].startswith("/") or ".." in filename or folder not in FOLDERS:
        return Response(400)
    subfolder = request.query.get("subfolder", "")
    if is_outside(subfolder):
        return Response(403)
    data = server.files.read(folder, subfolder, filename)
    if data is None:
        return Response(404)
    if spoilt := server.faults.take("spoil"):
        data = spoilt.spoil(data)
    kind = mimetypes.guess_type(filename)[0] or "application/octet-stream"
    return Response(200, data, {"Content-Type": kind, "Content-Disposition": f'filename="{filename}"'})


def _upload(server: ComfyServer, request: Request, what: str) -> Response:
    if what != "image":
        return Response(404)
    if len(request.data) > server.options.max_upload_size:
        return _text(413, f"Maximum request body size {server.options.max_upload_size} exceeded")
    fields = form_fields(request.headers.get("Content-Type", ""), request.data)
    texts = {name: part.data.decode() for name, part in fields.items() if part.filename is None}
    image, subfolder, folder = fields.get("image"), texts.get("subfolder", ""), texts.get("type", "input")
    if image is None or not image.filename or is_outside(subfolder) or ".." in image.filename:
        return Response(400)
    overwrite = texts.get("overwrite") in ("true", "1")
    name = server.files.upload(folder, subfolder, image.filename, image.data, overwrite)
    with server.changed:
        server.uploads.append(f"{subfolder}/{name}".lstrip("/"))
        server.changed.notify_all()
    return _json({"name": name, "subfolder": subfolder, "type": folder})


def _system_stats(server: ComfyServer, request: Request, _: str) -> Response:
    return _json(server.system_stats)


def _features(server: ComfyServer, request: Request, _: str) -> Response:
    return _json(server.features)


def _models(server: ComfyServer, request: Request, folder: str) -> Response:
    if not folder:
        return _json(list(server.models))
    return _json(server.models[folder]) if folder in server.models else Response(404)


def _object_info(server: ComfyServer, request: Request, class_type: str) -> Response:
    types = server.types
    if class_type:
        types = {class_type: types[class_type]} if class_type in types else {}
    return _json(types)


_ROUTES: dict[tuple[str, bool], dict[str, Route]] = {  # the first part of the path, and whether there is more
    ("", False): {"GET": _page},
    ("prompt", False): {"GET": _remaining, "POST": _submit},
    ("queue", False): {"GET": _queue, "POST": _change_queue},
    ("interrupt", False): {"POST": _interrupt},
    ("history", False): {"GET": _history, "POST": _change_history},
    ("history", True): {"GET": _history},
    ("view", False): {"GET": _view},
    ("upload", True): {"POST": _upload},
    ("system_stats", False): {"GET": _system_stats},
    ("features", False): {"GET": _features},
    ("models", False): {"GET": _models},
    ("models", True): {"GET": _models},
    ("object_info", False): {"GET": _object_info},
    ("object_info", True): {"GET": _object_info},
}
