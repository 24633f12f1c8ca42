"""``transport: cli``: the command line, ``ollama run``, ``pull``, ``show`` and ``--version``."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from imagegen.backends.base import Watch
from imagegen.backends.ollama import process, versions, wording
from imagegen.backends.ollama.host import Address
from imagegen.backends.ollama.process import Output, TookTooLong
from imagegen.backends.ollama.pulling import Pulling
from imagegen.backends.ollama.transport import Model, Wanted
from imagegen.backends.ollama.wording import NoAnswer
from imagegen.errors import BuildFailed, NobodyThere
from imagegen.files import program

PROGRAM = "ollama"
INSTALL = "imagegen setup ollama says how to get it; or choose another backend"

MOST_BYTES = 512 * 1024 * 1024
"""Of one picture: 4096 x 4096 pixels are 64 MB before they are packed."""

_STEPS = re.compile(r"Generating\D.*?(\d+)/(\d+)")


class Missing(NobodyThere):
    """There is no ``ollama`` on this machine."""


class Command:
    """The ``ollama`` of this machine. It finds its server by OLLAMA_HOST, which is passed on."""

    name = "ollama"

    def __init__(self, environ: Mapping[str, str], patience: float, server: Address | None = None) -> None:
        """``patience``: seconds for what should take no time; ``server`` is where OLLAMA_HOST says."""
        self._environ, self._patience, self._server = environ, patience, server
        self.is_local = server is None or server.is_local
        self._told = versions.Told()

    def version(self, watch: Watch) -> versions.Told:
        done = self._run(["--version"], watch, self._patience)
        self._told = versions.printed(done.out + "\n" + done.err)
        return self._told

    def look(self, model: str, watch: Watch) -> Model | None:
        done = self._run(["show", model], watch, self._patience)
        if done.status:
            error = self._failure(done)
            if isinstance(error, NoAnswer):
                raise error
            return None  # not there; or this cannot be asked, and pulling what is there costs nothing
        abilities = re.search(r"^\s*Capabilities\s*\n((?:\s+\S.*\n?)+)", wording.plain(done.out), re.MULTILINE)
        return Model(draws="image" in abilities[1].split() if abilities else None)

    def pull(self, model: str, watch: Watch, pulling: Pulling) -> None:
        done = self._run(["pull", model], watch, None, lambda line: pulling.text(wording.plain(line)))
        if done.status:
            raise self._failure(done)

    def generate(self, wanted: Wanted, watch: Watch, seconds: float) -> bytes:
        """Each image in a folder of its own: what the file is called depends on prompt and clock."""
        try:
            with tempfile.TemporaryDirectory(prefix="imagegen-ollama-", ignore_cleanup_errors=True) as folder:
                done = self._run(arguments(wanted), watch, seconds, lambda line: _step(line, watch), Path(folder))
                if done.status:
                    raise self._failure(done)
                return self._picture(Path(folder), done)
        except TookTooLong as error:
            hint = "timeout: of the item, or of backends.ollama, gives more"
            raise BuildFailed(f"`ollama run` took longer than {seconds:g} seconds", hint) from error
        except OSError as error:
            raise BuildFailed(f"no folder for the image: {error.strerror or error}", "TMPDIR says where") from error

    def close(self) -> None:
        """Nothing is held: each call is a process of its own, and over."""

    def _picture(self, folder: Path, done: Output) -> bytes:
        files = [path for path in sorted(folder.rglob("*")) if path.is_file() or path.is_symlink()]
        pictures = [path for path in files if path.suffix.lower() == ".png" and not path.is_symlink()]
        if len(pictures) != 1:
            many = f"{len(pictures)} pictures" if pictures else "no picture"
            said = self._hidden(_last(done.err))
            raise BuildFailed(f"`ollama run` ended well and left {many}" + (f": {said}" if said else ""))
        if pictures[0].stat().st_size > MOST_BYTES:
            raise BuildFailed(f"`ollama run` left a picture of {pictures[0].stat().st_size / 1e6:.0f} MB")
        return pictures[0].read_bytes()

    def _hidden(self, text: str) -> str:
        return self._server.hidden(text) if self._server else text

    def _failure(self, done: Output) -> BuildFailed:
        said = _last(done.err) or _last(done.out) or f"exit status {done.status}"
        return wording.failure(self._hidden(said), self.name, self._told)

    def _run(
        self,
        words: Sequence[str],
        watch: Watch,
        seconds: float | None,
        heard: Callable[[str], None] = lambda line: None,
        folder: Path | None = None,
    ) -> Output:
        path = program(PROGRAM, self._environ)
        if path is None:
            raise Missing("there is no `ollama` on the PATH", INSTALL)
        try:
            return process.run([str(path), *words], folder, self._environ, watch, seconds, heard)
        except TookTooLong as error:
            if folder is not None:
                raise
            raise NoAnswer(f"`ollama {words[0]}` did not answer: {error.message}", wording.STARTED) from error


def arguments(wanted: Wanted) -> list[str]:
    """The words after ``ollama``. ``--`` ends the flags, so that a prompt may begin with ``-``."""
    words = ["run", wanted.model, "--width", str(wanted.width), "--height", str(wanted.height)]
    if wanted.steps is not None:
        words += ["--steps", str(wanted.steps)]
    return [*words, "--seed", str(wanted.seed), "--", wanted.prompt]


def _step(line: str, watch: Watch) -> None:
    if found := _STEPS.search(wording.plain(line)):
        watch.step(int(found[1]), int(found[2]))


def _last(text: str) -> str:
    """The last line that says an error, or else the last line that says anything but a bar."""
    lines = [line.strip() for line in wording.plain(text).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("Error")]
    others = [line for line in lines if "▕" not in line and not line.startswith("Usage")]
    return (errors or others or [""])[-1]
