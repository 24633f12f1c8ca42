"""One model: asked for, gone on with after a break, verified, moved into its place whole."""

from __future__ import annotations

import errno
import hashlib
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import platformdirs

from imagegen.backends.base import ATTEMPTS, Watch
from imagegen.downloads import answers, licences, urls, wire
from imagegen.downloads.amounts import amount
from imagegen.downloads.part import Part, Source
from imagegen.errors import BuildFailed
from imagegen.files import from_here, locked
from imagegen.items import Model

FIRST_PAUSE = 2.0
"""Seconds before the second attempt; the third waits twice as long."""

AGAIN = "the same command goes on from there"


class Shown(Protocol):
    """Who shows how far a download is."""

    def at(self, done: int, total: int) -> None:
        """``done`` bytes are there, of ``total`` (0: not known)."""

    def note(self, text: str) -> None:
        """Something worth a line."""


class Fetched(NamedTuple):
    """A model that is in its place now: its digest, its size, and whether somebody else brought it meanwhile."""

    sha256: str
    size: int
    by_another: bool = False


def fetch(model: Model, path: Path, environ: Mapping[str, str], watch: Watch, shown: Shown) -> Fetched:
    """Bring ``model`` to ``path``, where nothing is as far as is known. Raises BuildFailed with what was kept, or
    Interrupted; a Ctrl-C that comes as KeyboardInterrupt goes through."""
    state = platformdirs.user_state_path("imagegen", appauthor=False)  # another project may want the same file
    with locked(state, path, watch.cancelled):
        if path.is_file() and model.size in (0, path.stat().st_size):
            return Fetched("", path.stat().st_size, by_another=True)
        _check_free(path)
        download = _Download(model, path, environ, watch, shown)
        try:
            return download.run()
        except OSError as error:
            why = "the disk is full" if error.errno == errno.ENOSPC else error.strerror or str(error)
            hint = AGAIN if download.kept else ""
            raise BuildFailed(f"can't be written: {why}{download.kept}", hint) from error


def _check_free(path: Path) -> None:
    """Raises BuildFailed where something else has come to stand meanwhile: it is never written over."""
    if path.exists():
        raise BuildFailed(f"meanwhile there is another file: {from_here(path)}", "move it away")


class _Download:
    def __init__(self, model: Model, path: Path, environ: Mapping[str, str], watch: Watch, shown: Shown) -> None:
        self.model, self.path, self.environ, self.watch, self.shown = model, path, environ, watch, shown
        self.part = Part(path)
        self.wanted = Source(hashlib.sha256(model.url.encode()).hexdigest(), model.sha256)
        self.in_one = False  # whether all that is there came in one answer

    @property
    def kept(self) -> str:
        return f"; the {amount(self.part.size)} that came are kept" if self.part.size else ""

    def run(self) -> Fetched:
        for attempt in range(1, ATTEMPTS + 1):
            self.watch.check()
            try:
                return self._attempt()
            except wire.Broken as error:
                if attempt == ATTEMPTS:
                    hint = AGAIN if self.part.size else "try again later"
                    raise BuildFailed(f"{error}, in {ATTEMPTS} attempts{self.kept}", hint) from error
                self.shown.note(f"{error}{self.kept}; trying again")
                self.watch.pause(FIRST_PAUSE * 2 ** (attempt - 1))
            except answers.Misfit as error:
                is_page = isinstance(error, answers.NoModel)
                raise BuildFailed(str(error), licences.how_to_get_in(self.model) if is_page else "") from error
        raise AssertionError("an attempt ends by itself")

    def _attempt(self) -> Fetched:
        known = self.part.source if self.part.size else None
        more = answers.question(known, self.wanted, self.part.size)
        self.in_one = False
        if more is not None:
            if self.part.size > 100_000_000:
                self.shown.note(f"reading the {amount(self.part.size)} that are there")
            self.part.read(self.watch.check)
            if known is not None and known.size == self.part.size:  # killed between the last byte and the move
                return self._finish()
        with wire.asked(self.model.url, more or {}, self.environ) as answer:
            self._judge(answer)
            self._take(answer, known if more is not None else None)
        return self._finish()

    def _judge(self, answer: wire.Answer) -> None:
        """Raises where an answer holds nothing of the file."""
        if answer.status in (401, 403):
            raise BuildFailed(*licences.refused(self.model, answer.status, answer.sent))
        if answer.status in answers.CAN_PASS:
            raise wire.Broken(f"its server answers {answer.status}")
        if answer.status not in (200, 206, 416):
            what = "does not have it" if answer.status in (404, 410) else "says no"
            raise BuildFailed(f"its server {what} ({answer.status})", f"look at {urls.shown(self.model.url)}")
        if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
            raise BuildFailed("its server packs what it was asked to send as it is")

    def _take(self, answer: wire.Answer, known: Source | None) -> None:
        """Write what comes behind what is there."""
        there = answers.behind(answer.status, answer.headers, known)
        if there is None or there.start not in (0, self.part.size):
            self.part.forget()
            raise wire.Broken("its server can't go on where the part ends")
        answers.check_size(self.model.size, there.total)
        if answer.status == 416:  # there is nothing behind the part
            return
        self._check_space(there.total - there.start)
        blocks = answer.blocks()
        if there.start == 0:
            first = next(blocks, b"")
            if not first:
                raise wire.Broken("nothing came")
            answers.check_kind(answer.headers.get("Content-Type", ""), first)
            if self.part.size:
                self.shown.note("what came before can't be gone on with: from the beginning")
            self.part.begin(answers.source(self.wanted, answer.headers, there.total))
            self.in_one = True
            self._append(first, there.total)
        for block in blocks:
            self._append(block, there.total)

    def _append(self, block: bytes, total: int) -> None:
        self.watch.check()
        self.part.append(block)
        if self.model.size and self.part.size > self.model.size:
            self.part.forget()
            raise answers.Misfit(f"the manifest says {self.model.size} bytes, and more come")
        self.shown.at(self.part.size, total or self.model.size)

    def _check_space(self, needed: int) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.path.parent).free
        if needed > free:
            raise BuildFailed(f"{amount(needed)} are to come and {amount(free)} are free", "free some space")

    def _finish(self) -> Fetched:
        """Verify what has come, and move it into its place."""
        found, size = self.part.sha256, self.part.size
        known = self.part.source
        for wanted in (self.model.size, known.size if known else 0):
            if wanted and size < wanted:
                raise wire.Broken("the connection broke")
            answers.check_size(wanted, size)
        if self.model.sha256 and found != self.model.sha256:
            self.part.forget()
            if not self.in_one:
                raise wire.Broken("what was pieced together is not the file that the manifest describes")
            raise BuildFailed(
                f"its SHA-256 is {found}, and the manifest says {self.model.sha256}; what came is removed",
                "look whether the file was replaced there, and whom you trust",
            )
        _check_free(self.path)
        self.watch.check()
        self.part.become(self.path)
        return Fetched(found, size)
