"""The wire to one ComfyUI server: HTTP, and what its failures mean. It knows no graph."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
import urllib3

from imagegen.backends.comfyui.address import Address
from imagegen.backends.comfyui.cutting import Cuttable
from imagegen.backends.comfyui.wording import why
from imagegen.errors import BuildFailed, NobodyThere, Unreachable

CAN_PASS = frozenset({502, 503, 504})
"""Statuses of a proxy whose server restarts, or of a server too busy."""


class Passing(Unreachable):
    """A failure that can pass by itself: worth another attempt."""


class NoAnswer(Passing, NobodyThere):
    """Nobody answers there."""


class NotConnected(NoAnswer):
    """No connection came about: the server has heard nothing of it."""


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
        self._adapter = Cuttable(pool_connections=1, pool_maxsize=16, max_retries=0)
        self._session.mount("http://", self._adapter)
        self._session.mount("https://", self._adapter)

    def hasty(self, seconds: float) -> Client:
        """The same client, which waits no longer than that for anything."""
        made = copy.copy(self)
        made.timeout = min(self.timeout, seconds)
        return made

    def cut(self) -> None:
        """End every request that is under way: each raises NoAnswer."""
        self._adapter.cut()

    def close(self) -> None:
        self._session.close()

    # --- routes ---------------------------------------------------------------------------------

    def system_stats(self) -> Mapping[str, Any]:
        return self._mapping("GET", "/system_stats")

    def object_info(self, node: str = "") -> Mapping[str, Any]:
        """The descriptions of all node classes, half a megabyte and more; or of the one, by its name: empty
        where the server lacks it."""
        return self._mapping("GET", f"/object_info/{quote(node, safe='')}" if node else "/object_info")

    def features(self) -> Mapping[str, Any]:
        """What the server says it can do; Refused (404) on older ones."""
        return self._mapping("GET", "/features")

    def remaining(self) -> int:
        """How many prompts, anybody's, wait or run."""
        return remaining(self._mapping("GET", "/prompt"))

    def upload(self, name: str, data: bytes, subfolder: str) -> str:
        """Put a picture among the server's inputs, over one of that name; what a LoadImage node calls it."""
        answer = self._mapping(
            "POST",
            "/upload/image",
            files={"image": (name, data, "application/octet-stream")},
            data={"subfolder": subfolder, "overwrite": "true", "type": "input"},
        )
        kept, folder = str(answer.get("name") or name), str(answer.get("subfolder") or "")
        return f"{folder}/{kept}" if folder else kept

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
            raise (NotConnected if _never_there(error) else NoAnswer)(
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


def remaining(status: Mapping[str, Any]) -> int:
    """The length of the queue in what ``GET /prompt`` and the socket's ``status`` say; 0 where they don't."""
    found = status.get("exec_info")
    number = found.get("queue_remaining") if isinstance(found, dict) else 0
    return number if isinstance(number, int) else 0


def _never_there(error: Exception) -> bool:
    """Whether no connection was made: refused, no such host, or no answer to the knock."""
    if isinstance(error, requests.ConnectTimeout):
        return True
    cause = error.args[0] if isinstance(error, requests.ConnectionError) and error.args else None
    return isinstance(getattr(cause, "reason", None), urllib3.exceptions.NewConnectionError)


def _no_netrc(request: requests.PreparedRequest) -> requests.PreparedRequest:
    return request


def _body(answer: requests.Response) -> Any:
    try:
        return answer.json()
    except ValueError:
        return answer.text


def options(description: Mapping[str, Any], name: str) -> Sequence[str]:
    """The choices of a node's input, in the old form (a list) and the new (``["COMBO", {"options": …}]``)."""
    inputs = description.get("input", {})
    entry = {**inputs.get("optional", {}), **inputs.get("required", {})}.get(name, [[]])
    kind = entry[0] if entry else []
    if isinstance(kind, list):
        return [str(choice) for choice in kind]
    more = entry[1] if len(entry) > 1 and isinstance(entry[1], dict) else {}
    return [str(choice) for choice in more.get("options", [])]
