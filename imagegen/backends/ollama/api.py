"""``transport: api``: a server's own routes (docs/api.md there)."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from imagegen.backends.base import Watch
from imagegen.backends.ollama import models, versions, wording
from imagegen.backends.ollama.host import Address
from imagegen.backends.ollama.pulling import Pulling
from imagegen.backends.ollama.transport import Model, Wanted
from imagegen.backends.ollama.wire import OutOfTime, Refused, Wire
from imagegen.backends.ollama.wording import Lacking
from imagegen.errors import BuildFailed


class Api:
    """One server. ``patience``: seconds for what should take no time; ``silence``: seconds that a download may
    stand still."""

    def __init__(self, address: Address, patience: float, silence: float) -> None:
        self._wire, self._silence = Wire(address, patience), silence
        self.name, self.is_local = address.url, address.is_local
        self._told = versions.Told()

    def version(self, watch: Watch) -> versions.Told:
        try:
            found = self._asked("GET", "/api/version", watch)
        except Lacking as error:
            raise wording.Unfit(f"{self.name} is no Ollama: it has no /api/version") from error
        self._told = versions.Told(server=str(found.get("version") or ""))
        return self._told

    def look(self, model: str, watch: Watch) -> Model | None:
        try:
            shown = self._asked("POST", "/api/show", watch, {"model": model})
        except Lacking:
            return None
        abilities = shown.get("capabilities")
        draws = "image" in abilities if isinstance(abilities, list) and abilities else None
        return Model(self._digest(model, watch), draws)

    def pull(self, model: str, watch: Watch, pulling: Pulling) -> None:
        said = ""
        try:
            for line in self._wire.stream("/api/pull", watch, {"model": model, "stream": True}, None, self._silence):
                pulling.status(line)
                said = str(line.get("status", ""))
        except Refused as error:
            raise self._failure(error) from error
        if said != "success":
            raise wording.Passing(f"{self.name}: the download of {model} broke off" + (f" at: {said}" if said else ""))

    def generate(self, wanted: Wanted, watch: Watch, seconds: float) -> bytes:
        last: Any = {}
        try:
            for last in self._wire.stream("/api/generate", watch, request(wanted), seconds, None):
                done, whole = last.get("completed", 0), last.get("total")
                if isinstance(done, int) and isinstance(whole, int) and whole > 0:
                    watch.step(done, whole)
        except Refused as error:
            raise self._failure(error) from error
        except OutOfTime as error:
            raise BuildFailed(error.message, "timeout: of the item, or of backends.ollama, gives more") from error
        if not last.get("done"):
            raise wording.Unfit(f"{self.name} ended without a picture", "the server's log tells why")
        try:
            png = base64.b64decode(str(last.get("image") or ""), validate=True)
        except (binascii.Error, ValueError) as error:
            raise BuildFailed(f"{self.name} sent a picture that is not base64") from error
        if not png:
            raise BuildFailed(f"{self.name} says that it is done, and sent no picture", "is it an image model?")
        return png

    def close(self) -> None:
        """Nothing is held: each request has a connection of its own."""

    def _digest(self, model: str, watch: Watch) -> str:
        listed = self._asked("GET", "/api/tags", watch).get("models")
        for one in listed if isinstance(listed, list) else ():
            if isinstance(one, dict) and models.full(str(one.get("name") or one.get("model"))) == models.full(model):
                digest = str(one.get("digest") or "").removeprefix("sha256:")
                return f"sha256:{digest}" if digest else ""
        return ""

    def _asked(self, method: str, path: str, watch: Watch, body: dict[str, Any] | None = None) -> Any:
        try:
            return self._wire.ask(method, path, watch, body)
        except Refused as error:
            raise self._failure(error) from error

    def _failure(self, error: Refused) -> BuildFailed:
        return wording.failure(error.said, self.name, self._told, error.status_code)


def request(wanted: Wanted) -> dict[str, Any]:
    """The body for ``/api/generate``. Without ``steps`` the model takes its own."""
    body: dict[str, Any] = {
        "model": wanted.model,
        "prompt": wanted.prompt,
        "width": wanted.width,
        "height": wanted.height,
        "options": {"seed": wanted.seed},
        "stream": True,
    }
    if wanted.steps is not None:
        body["steps"] = wanted.steps
    if wanted.pictures:
        body["images"] = [base64.b64encode(picture).decode() for picture in wanted.pictures]
    return body
