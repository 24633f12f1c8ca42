"""Ollama: https://ollama.com, whose releases 0.14.0 to 0.32.5 make images.

``host`` says where the servers are, ``models`` and ``versions`` what is known of both, ``checking`` looks at
one order offline. ``transport`` is what is asked of a server, by its command line (``command``, ``process``) or
its API (``api``, ``wire``); ``wording`` says what its answers mean. ``survey`` asks before a run, ``seats`` and
``pool`` hand out the servers, ``pulling`` tells of downloads; ``doctor`` and ``install`` are for those two verbs.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imagegen.backends.base import (
    Check,
    Complaint,
    ModelsFolder,
    Order,
    Picture,
    Refusal,
    Sent,
    Service,
    Unusable,
    Watch,
    Workflows,
)
from imagegen.backends.ollama import checking, host, models
from imagegen.errors import Problem, WrongInput

if TYPE_CHECKING:
    from imagegen.backends.ollama.pool import Pool

DEFAULTS: Mapping[str, Any] = {"model": models.DEFAULT, "width": 1024, "height": 1024}

WRITING = 1
"""Images that are checked and written while others are on the servers."""

PATIENCE = 10
"""Seconds for what should take no time, unless the block says otherwise."""


class Backend:
    """The servers of one block. Threads may share it; they are first spoken to when something is asked."""

    name = "ollama"
    uses = frozenset({"prompt", "model", "width", "height", "steps", "seed", "references"})
    file_settings = frozenset({"model"})
    draws_name = False
    multiple = 16

    def __init__(self, settings: Mapping[str, Any], environ: Mapping[str, str], project: Path) -> None:
        self._settings, self._environ = settings, environ
        self._transport = settings.get("transport", "cli")
        if self._transport == "cli" and {"url", "urls"} & set(settings):
            hint = "transport: api, or OLLAMA_HOST in the environment"
            raise WrongInput([Problem("the command line takes no address from here", f"{host.BLOCK}.url", hint=hint)])
        host.check(settings)
        self._pool: Pool | None = None
        self._lock = threading.Lock()

    @property
    def workers(self) -> int:
        servers = 1 if self._transport == "cli" else len(host.addresses(self._settings, self._environ))
        return servers + WRITING

    # --- without a server -----------------------------------------------------------------------

    def defaults(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """Ollama's own size; the steps are left to the model."""
        return DEFAULTS

    def check(self, order: Order) -> Iterable[Complaint]:
        return checking.complaints(order, self._transport)

    def content(self, setting: str, path: Path) -> str:
        """No setting of these names a file with a recipe in it."""
        raise Unusable(Complaint(setting, f"the ollama backend has no use for {setting}"))

    def read(self) -> Iterable[Path]:
        return []

    def learn(self) -> None:
        """No complaint is mended by asking."""

    def workflows(self) -> Workflows | None:
        return None

    def searches(self, setting: str) -> bool:
        """A server on this machine keeps its models in a known folder."""
        return setting in self.file_settings

    def locate(self, setting: str, value: str) -> Path | None:
        """The manifest that a local server keeps of a model: its SHA-256 is the model's digest in Ollama. None
        where the model is not there, which pulling mends, or its server is elsewhere."""
        addresses = self._addresses()
        if not addresses or not all(address.is_local for address in addresses):
            return None
        return models.manifest(value, self._environ)

    def sent(self, order: Order) -> Sent:
        """The request's body, or the command; pictures are named, not shown."""
        from imagegen.backends.ollama import api, command
        from imagegen.backends.ollama.transport import Wanted

        seed = order.recipe["seed"]
        wanted = Wanted.of({**order.recipe, "seed": seed if isinstance(seed, int) else 1})
        if self._transport == "cli":
            words = command.arguments(wanted)
            words[words.index("--seed") + 1] = str(seed)
            return Sent({"command": ["ollama", *words]})
        body = {**api.request(wanted), "options": {"seed": seed}}  # one that is still to be drawn reads random
        if names := [path.name for path in order.files.get("references", ())]:
            body["images"] = [f"(base64 of {name})" for name in names]
        return Sent(body)

    # --- the servers ------------------------------------------------------------------------------

    def models_folders(self, kind: str) -> Sequence[ModelsFolder]:
        """None: Ollama keeps models in a store of its own, and pulls them itself."""
        return ()

    def service(self) -> Service | None:
        """None: its own app or service starts it."""
        return None

    def answers(self) -> bool:
        return self._servers().answers(Watch(threading.Event()))

    def preflight(self, orders: Sequence[Order], watch: Watch) -> Sequence[Refusal]:
        return self._servers().preflight(orders, watch)

    def checks(self, orders: Sequence[Order], watch: Watch) -> Iterable[Check]:
        from imagegen.backends.ollama import doctor

        return doctor.checks(self._servers(), orders, self._settings, watch)

    def setup(self, wishes: Mapping[str, Any], say: Callable[[str], None], watch: Watch) -> bool:
        from imagegen.backends.ollama import install

        return install.setup(self._servers(), self._environ, bool(wishes.get("yes")), say, watch)

    def generate(self, order: Order, watch: Watch) -> Picture:
        return self._servers().generate(order, watch)

    def close(self) -> None:
        with self._lock:
            if self._pool is not None:
                self._pool.close()
                self._pool = None

    def _addresses(self) -> list[host.Address]:
        """The servers; none where OLLAMA_HOST is no address, which is told when one is needed."""
        try:
            return host.addresses(self._settings, self._environ)
        except WrongInput:
            return []

    def _servers(self) -> Pool:
        # Only now: judging 10,000 items needs neither HTTP nor processes.
        from imagegen.backends.ollama.api import Api
        from imagegen.backends.ollama.command import Command
        from imagegen.backends.ollama.pool import TIMEOUT, Pool
        from imagegen.backends.ollama.transport import Transport

        with self._lock:
            if self._pool is None:
                patience = self._settings.get("request_timeout", PATIENCE)
                transports: list[Transport] = [Command(self._environ, patience, next(iter(self._addresses()), None))]
                if self._transport == "api":
                    silence = self._settings.get("timeout", TIMEOUT)
                    found = host.addresses(self._settings, self._environ)
                    transports = [Api(address, patience, silence) for address in found]
                self._pool = Pool(self._settings, transports)
            return self._pool
