"""The wire to one ComfyUI server: HTTP, and what its failures mean. It knows no graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter

from imagegen.backends.comfyui.address import Address
from imagegen.errors import BuildFailed, NobodyThere, Unreachable

CAN_PASS = frozenset({502, 503, 504})
"""Statuses of a proxy whose server restarts, or of a server too busy."""


class Passing(Unreachable):
    """A failure that can pass by itself: worth another attempt."""


class NoAnswer(Passing, NobodyThere):
    """Nobody answers there."""


class Refused(BuildFailed):
    """The server answered, and the answer is no; ``body`` is its JSON or text."""

    def __init__(self, message: str, status: int, body: Any) -> None:
        super().__init__(message)
        self.status_code, self.body = status, body


class Client:
    """One server's routes. Every method raises Passing or Refused; nothing is tried again here.

    ``timeout`` in seconds is for connecting, and for each wait for more of an answer.
    """

    def __init__(self, address: Address, timeout: float) -> None:
        self.address, self.timeout = address, timeout
        self._session = requests.Session()
        self._session.trust_env = not address.is_local  # a proxy for the world is none for this machine
        self._session.auth = _no_netrc  # what .netrc holds is not for this server
        self._session.headers.update(address.headers)
        adapter = HTTPAdapter(pool_connections=1, pool_maxsize=16, max_retries=0)
        self._session.mount("http://", adapter)
        self._session.mount("https://", adapter)

    def close(self) -> None:
        self._session.close()

    # --- routes ---------------------------------------------------------------------------------

    def system_stats(self) -> Mapping[str, Any]:
        return self._mapping("GET", "/system_stats")

    def models(self, folder: str) -> list[str]:
        """The files the server has in a models folder. Raises Refused (404) on servers before 0.2."""
        found = self._json("GET", f"/models/{folder}")
        return [str(name) for name in found] if isinstance(found, list) else []

    def object_info(self, node: str) -> Mapping[str, Any]:
        """One node class's description; empty where the server lacks it."""
        found = self._mapping("GET", f"/object_info/{node}").get(node, {})
        return found if isinstance(found, dict) else {}

    def submit(self, body: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._mapping("POST", "/prompt", json=body)

    def history(self, prompt_id: str) -> Mapping[str, Any] | None:
        """A finished prompt's entry; None while it waits, runs, or is not known."""
        entry = self._mapping("GET", f"/history/{prompt_id}").get(prompt_id)
        return entry if isinstance(entry, dict) else None

    def recent(self) -> Mapping[str, Any]:
        """The newest entries of the history."""
        return self._mapping("GET", "/history", params={"max_items": "16"})

    def forget(self, prompt_ids: Sequence[str]) -> None:
        """Delete entries of the history."""
        self._request("POST", "/history", json={"delete": list(prompt_ids)})

    def queue(self) -> tuple[list[list[Any]], list[list[Any]]]:
        """What runs and what waits, each ``[number, prompt_id, graph, extra_data, outputs]``."""
        found = self._mapping("GET", "/queue")
        running, waiting = found.get("queue_running", []), found.get("queue_pending", [])
        return [entry for entry in running if len(entry) > 3], [entry for entry in waiting if len(entry) > 3]

    def delete(self, prompt_id: str) -> None:
        """Take a waiting prompt out of the queue; nothing happens where it does not wait."""
        self._request("POST", "/queue", json={"delete": [prompt_id]})

    def interrupt(self, prompt_id: str) -> None:
        """Stop a running prompt. A server that ignores the id stops whatever runs: look first."""
        self._request("POST", "/interrupt", json={"prompt_id": prompt_id})

    def view(self, image: Mapping[str, Any]) -> bytes:
        """A picture's bytes, by the ``filename``, ``subfolder`` and ``type`` of a history's output."""
        asked = {key: str(image.get(key, "")) for key in ("filename", "subfolder", "type")}
        return self._request("GET", "/view", params=asked).content

    # --- how ------------------------------------------------------------------------------------

    def _mapping(self, method: str, path: str, **more: Any) -> Mapping[str, Any]:
        found = self._json(method, path, **more)
        if not isinstance(found, dict):
            raise Refused(f"{self.address.url} answered {path} with something unexpected", 200, found)
        return found

    def _json(self, method: str, path: str, **more: Any) -> Any:
        answer = self._request(method, path, **more)
        try:
            return answer.json()
        except ValueError as error:
            what = "an HTML page" if b"<html" in answer.content[:1000].lower() else "something that is not JSON"
            raise Passing(
                f"{self.address.url} answered {path} with {what}",
                "a proxy may stand in front of a ComfyUI that is not there (yet)",
            ) from error

    def _request(self, method: str, path: str, **more: Any) -> requests.Response:
        try:
            answer = self._session.request(
                method, self.address.url + path, timeout=self.timeout, allow_redirects=False, **more
            )
        except (requests.RequestException, urllib3.exceptions.HTTPError, UnicodeError) as error:
            raise NoAnswer(
                f"no answer from {self.address.url}: {why(error)}",
                "is ComfyUI running there? backends.comfyui.url or COMFYUI_URL says where",
            ) from error
        if answer.is_redirect:  # followed nowhere: the headers are for this server alone
            raise Refused(
                f"{self.address.url} sends elsewhere ({answer.status_code}): give the address it sends to as url",
                answer.status_code,
                "",
            )
        if answer.status_code in CAN_PASS:
            raise Passing(f"{self.address.url} answered {path} with {answer.status_code} {answer.reason}")
        if answer.status_code >= 400:
            raise Refused(self._said(path, answer), answer.status_code, _body(answer))
        return answer

    def _said(self, path: str, answer: requests.Response) -> str:
        said = f"{self.address.url} answered {path} with {answer.status_code} {answer.reason}"
        if answer.status_code in (401, 403):
            return said + ": it wants a token in backends.comfyui.headers, or another one"
        text = "" if answer.headers.get("content-type", "").startswith("text/html") else answer.text.strip()
        return self.address.hidden(
            said + (f": {text.splitlines()[0][:200]}" if text and not text.startswith("{") else "")
        )


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _body(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def why(error: BaseException) -> str:
    """The innermost reason of a network error, in a few words."""
    seen: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in seen:
        seen.append(step)
        inner = [arg for arg in step.args if isinstance(arg, BaseException)]
        reason = getattr(step, "reason", None)
        step = (
            step.__cause__
            or (reason if isinstance(reason, BaseException) else None)
            or (inner[0] if inner else step.__context__)
        )
    for found in reversed(seen):
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.lower()
    names = [type(found).__name__ for found in seen]
    if any("Timeout" in name or "TimedOut" in name for name in names):
        return "it took too long"
    if any(name in ("IncompleteRead", "ProtocolError", "RemoteDisconnected", "ChunkedEncodingError") for name in names):
        return "the connection was cut"
    return str(seen[-1]) or names[-1]


def refusal(body: Any) -> str:
    """What a refused graph's answer says, readable: the error, and each node's own."""
    if not isinstance(body, dict):
        return str(body)[:300] or "no reason given"
    error = body.get("error")
    lines: list[str] = []
    node_errors = body.get("node_errors") or {}
    for node_id, node in node_errors.items() if isinstance(node_errors, dict) else ():
        for one in node.get("errors", ()):
            lines.append(
                f"{node.get('class_type', 'node')} (node {node_id}): {one.get('message', '')}"
                + (f", {one['details']}" if one.get("details") else "")
            )
    if lines:
        return "; ".join(lines)
    if isinstance(error, dict):
        details = error.get("details")
        return str(error.get("message", "refused")) + (f" ({details})" if details else "")
    return str(error or body)[:300]


def options(description: Mapping[str, Any], name: str) -> Sequence[str]:
    """The choices of a node's input, in the old form (a list) and the new (``["COMBO", {"options": …}]``)."""
    inputs = description.get("input", {})
    entry = {**inputs.get("optional", {}), **inputs.get("required", {})}.get(name, [[]])
    kind = entry[0] if entry else []
    if isinstance(kind, list):
        return [str(choice) for choice in kind]
    more = entry[1] if len(entry) > 1 and isinstance(entry[1], dict) else {}
    return [str(choice) for choice in more.get("options", [])]
