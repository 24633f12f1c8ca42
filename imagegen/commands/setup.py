"""setup: bring onto this machine what the manifest needs; `run --setup` does it before the run."""

from __future__ import annotations

import contextlib
import os
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from imagegen import backends, errors, manifest, signals, stored
from imagegen.backends.base import Backend, Watch
from imagegen.commands import options
from imagegen.commands.base import Plain
from imagegen.errors import Interrupted, LacksKnowledge, WrongInput, did_you_mean, listed
from imagegen.items import Overrides
from imagegen.serving import Serving

Say = Callable[[str], None]


class Setup(Plain):
    doc_purpose = "bring onto this machine what the manifest needs: ComfyUI, Ollama, models"
    doc_usage = "[BACKEND ... | models]"
    doc_description = (
        "Without a name: what the manifest's images need. A second time changes nothing and says so; a failed step "
        "leaves things as they were, and the same command goes on. `imagegen run --setup` does this, starts the "
        "server and makes the images. docs/comfyui-setup.md leads from nothing to the first image."
    )
    cmd_options = (
        options.ASSETS,
        options.option("dir", "dir", "where it goes, or one that you have; comfy-cli: the one that comfy-cli has"),
        options.option("ref", "ref", "the tag or commit to be at [default: backends.comfyui.install.ref]"),
        options.option("update", "update", "fetch what is new", type=bool),
        options.option("torch", "torch", "PyTorch for auto, cpu, cuda, rocm or mps [default: auto]"),
        options.option(
            "torch_index", "torch-index", "the index to take PyTorch from, such as a mirror [default: its own]"
        ),
        options.option("python", "python", "what runs a ComfyUI of your own, where it has no environment in it"),
        options.option(
            "yes", "yes", "download models, and do what is asked about otherwise: clone another repository", type=bool
        ),
        options.option("verify", "verify", "models: read what is there for its SHA-256", type=bool),
        options.ALLOW,
    )

    def work(self, params: Any, names: list[str]) -> int:
        if params["torch"] and params["torch"] not in TORCH:
            mend = did_you_mean(params["torch"], TORCH)
            raise WrongInput(f"--torch {params['torch']}: one of {', '.join(TORCH)}", mend)
        for name in names:
            if name not in (*backends.names(), MODELS):
                mend = did_you_mean(name, (*backends.names(), MODELS)) or f"there are {listed(backends.names())}"
                raise WrongInput(f'there is nothing called "{name}" to set up', mend)
        if len(names) > 1 and MODELS in names:
            raise WrongInput("setup models is a step of its own", "name it alone")
        place = Place(params.get("assets"))
        if names == [MODELS]:
            return _models(place, params)
        wishes = {name: params[name] for name in ("ref", "update", "torch", "torch_index", "python", "yes")}
        wishes |= {"dir": folder(params["dir"]) if params["dir"] else None, "if_needed": not names}
        with _interruptible() as watch:
            set_up(place, names or in_use(place), wishes, lambda text: print(text, flush=True), watch)
        return errors.DONE if names or not place.lists_models else _models(place, {**params, "dir": None})


MODELS = "models"
TORCH = ("auto", "cpu", "cuda", "rocm", "mps")


class Place:
    """The project that the current folder lies in, or none, and its backends' blocks."""

    def __init__(self, named: str | None) -> None:
        self.file = manifest.find(manifest.here(), named)
        self.folder = self.file.parent if self.file else manifest.here()
        self.blocks: Mapping[str, Mapping[str, Any]] = manifest.blocks(self.file) if self.file else {}

    @property
    def lists_models(self) -> bool:
        """Whether the manifest says which models it needs. Raises WrongInput."""
        return self.file is not None and bool(manifest.models(self.file)[0])

    @contextlib.contextmanager
    def backend(self, name: str) -> Iterator[Backend]:
        """One backend, as the manifest has it."""
        made = backends.load(name)(self.blocks.get(name, {}), os.environ, self.folder)
        try:
            yield made
        finally:
            made.close()


def in_use(place: Place, backend: str | None = None) -> Sequence[str]:
    """The backends that the manifest's images are made by. Raises WrongInput."""
    if place.file is None:
        raise WrongInput("there is no assets.yaml here", f"name what to set up: {listed(backends.names())}")
    try:
        return sorted({way.backend for way in stored.manifest(place.file, Overrides(backend)).columns.ways})
    except LacksKnowledge as lack:  # its server is needed to understand the manifest
        return [lack.backend]


def set_up(place: Place, names: Sequence[str], wishes: Mapping[str, Any], say: Say, watch: Watch) -> None:
    """Bring what is lacking, and say what was done. Raises BuildFailed, WrongInput or Interrupted."""
    changed = False
    for name in names:
        with place.backend(name) as backend:
            changed = backend.setup(wishes, _prefixed(name, say), watch) or changed
    say("everything is set up" if changed else "nothing to do: everything is set up")


def _prefixed(name: str, say: Say) -> Say:
    return lambda text: say(f"{name}: {text}")


def _models(place: Place, params: Mapping[str, Any]) -> int:
    """Say which models are there, and with --yes bring the others; the exit status. It sees to Ctrl-C itself."""
    from imagegen.commands import setup_models

    if place.file is None:
        raise WrongInput("there is no assets.yaml here", "imagegen init starts a project")
    return setup_models.run(
        place.file,
        yes=bool(params["yes"]),
        verify=bool(params["verify"]),
        folder=Path(folder(params["dir"])) if params["dir"] else None,
        allow=tuple(Path(one).resolve() for one in params["allow_path"]),
    )


@contextlib.contextmanager
def prepared(assets: str | None, backend: str | None, out: IO[str]) -> Iterator[None]:
    """All that the manifest needs is set up, and its server answers, for as long as this is open; a server that
    was started for it is ended then if the manifest says ``stop_after``. ``out`` gets what is said.

    Models are not downloaded unasked: which are lacking is said, and the server may have them.
    """

    def say(text: str) -> None:
        print(text, file=out, flush=True)

    place = Place(assets)
    with contextlib.ExitStack() as left:
        with _interruptible() as watch:
            names = in_use(place, backend)
            set_up(place, names, {"if_needed": True}, say, watch)
            serving = Serving(say, watch.cancelled)
            left.callback(serving.close)
            for name in names:
                made = left.enter_context(place.backend(name))
                serving.need(made, {**place.blocks.get(name, {}), "start": "auto"})
        if place.lists_models:
            with contextlib.redirect_stdout(out):
                _models(place, {"yes": False, "verify": False, "dir": None, "allow_path": ()})
        yield


@contextlib.contextmanager
def _interruptible() -> Iterator[Watch]:
    """Ctrl-C and SIGTERM end what is under way, which tidies up after itself. Raises Interrupted."""
    watch = Watch(threading.Event())
    with signals.watched(watch.cancelled, lambda: print("stopping", file=sys.stderr)):
        yield watch
    if watch.cancelled.is_set():
        raise Interrupted("interrupted")


def folder(named: str) -> str:
    """As it is typed: from the current folder."""
    return str(Path(os.path.expanduser(named)).absolute())  # noqa: PTH111  (Path's own way raises for ~nobody)
