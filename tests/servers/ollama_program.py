"""A stand-in for the `ollama` program, as a file named `ollama` that a test puts on the PATH.

It reads `ollama.json` beside itself anew at each call and appends what it was asked to `calls.jsonl` there.
What it does with flags, prompts, paths and standard input is what cmd/cmd.go and x/imagegen/cli.go of Ollama's
own source say.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.servers.comfyui_pictures import Picture, encode

LAST_THAT_CAN = (0, 32, 5)
FIRST_THAT_CAN = (0, 14, 0)
NO_SERVER = "could not connect to ollama server, run 'ollama serve' to start it"
UNSUPPORTED = "image generation models are not currently supported"
FLAGS = {"--width": 1024, "--height": 1024, "--steps": 0, "--seed": 0}
BAR = "pulling 77b78ce4e883: {:3d}% ▕██████      ▏ {:.1f} GB/ 12 GB   52 MB/s   1m30s"


class Program:
    """The program in a folder of its own. What it is to do is set by attributes of `wishes`, see `DEFAULTS`."""

    DEFAULTS: dict[str, Any] = {
        "client": "0.32.5",
        "server": "0.32.5",  # empty: none answers
        "models": {"x/z-image-turbo:latest": ["image"]},
        "registry": ["x/z-image-turbo:latest", "x/flux2-klein:latest", "x/flux2-klein:9b"],
        "version_output": None,
        "files": 1,  # how many `run` leaves
        "spoil": "",  # "cut": half a picture, "other": a picture of another size, "text": no picture
        "fails": [],  # [exit status, what is said] for the next calls of `run`
        "pull_fails": [],
        "hold": False,  # `run` waits while the file `hold` is there
        "grandchild": False,
        "deaf": False,  # to SIGTERM
        "chatter": 0,  # bytes of a terminal's picture on standard output
    }

    def __init__(self, folder: Path, **wishes: Any) -> None:
        folder.mkdir(parents=True)
        self.folder = folder
        self.wishes: dict[str, Any] = {**self.DEFAULTS}
        path = folder / "ollama"
        root = Path(__file__).parent.parent.parent
        path.write_text(
            f"#!{sys.executable}\nimport sys\nsys.path.insert(0, {str(root)!r})\n"
            f"from tests.servers.ollama_program import main\nmain({str(folder)!r})\n",
            "utf-8",
        )
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        self.does(**wishes)

    def does(self, **wishes: Any) -> None:
        """From now on."""
        assert set(wishes) <= set(self.DEFAULTS), wishes
        self.wishes.update(wishes)
        temporary = self.folder / "ollama.json.tmp"
        temporary.write_text(json.dumps(self.wishes), "utf-8")
        temporary.replace(self.folder / "ollama.json")
        if self.wishes["hold"]:
            (self.folder / "hold").touch()
        else:
            (self.folder / "hold").unlink(missing_ok=True)

    @property
    def path(self) -> str:
        """A PATH with it and nothing else of its name."""
        return os.pathsep.join([str(self.folder), *_without_ollama()])

    def calls(self, verb: str = "") -> list[dict[str, Any]]:
        """What was asked of it: `words`, `folder`, `stdin`, `prompt` and flags as understood, `pid`."""
        file = self.folder / "calls.jsonl"
        lines = file.read_text("utf-8").splitlines() if file.exists() else []
        found = [json.loads(line) for line in lines if line.endswith("}")]
        return [call for call in found if not verb or call["words"][:1] == [verb]]

    @property
    def models(self) -> set[str]:
        return set(json.loads((self.folder / "ollama.json").read_text("utf-8"))["models"])


def _without_ollama() -> list[str]:
    folders = os.environ.get("PATH", "").split(os.pathsep)
    return [folder for folder in folders if folder and not shutil.which("ollama", path=folder)]


# As the program


def main(home: str) -> None:
    folder = Path(home)
    wishes = json.loads((folder / "ollama.json").read_text("utf-8"))
    words = sys.argv[1:]
    call: dict[str, Any] = {
        "words": words,
        "folder": os.getcwd(),  # noqa: PTH109
        "stdin": "" if sys.stdin.isatty() else sys.stdin.read(),
        "pid": os.getpid(),
        "host": os.environ.get("OLLAMA_HOST"),
    }
    with (folder / "calls.jsonl").open("a", encoding="utf-8") as stream:
        stream.write(json.dumps(call) + "\n")
    if words == ["--version"]:
        print(_version(wishes))
        return
    verb, rest = words[0], words[1:]
    if not wishes["server"]:
        fail(NO_SERVER)
    if verb == "show":
        show(wishes, rest[0])
    elif verb == "pull":
        pull(folder, wishes, rest[0])
    elif verb == "run":
        run(folder, wishes, rest, call["stdin"])
    else:
        fail(f'unknown command "{verb}" for "ollama"')


def _version(wishes: dict[str, Any]) -> str:
    if wishes["version_output"] is not None:
        return str(wishes["version_output"])
    if not wishes["server"]:
        return f"Warning: could not connect to a running Ollama instance\nWarning: client version is {wishes['client']}"
    other = f"\nWarning: client version is {wishes['client']}" if wishes["client"] != wishes["server"] else ""
    return f"ollama version is {wishes['server']}{other}"


def show(wishes: dict[str, Any], model: str) -> None:
    abilities = wishes["models"].get(_full(model))
    if abilities is None:
        fail(f"model '{model}' not found")
    lines = "".join(f"    {ability}    \n" for ability in abilities)
    print(f"  Model\n    architecture    ZImagePipeline    \n    requires        0.14.0\n\n  Capabilities\n{lines}")


def pull(folder: Path, wishes: dict[str, Any], model: str) -> None:
    say("\x1b[?2026h\x1b[?25l\x1b[1Gpulling manifest ⠋ \x1b[K\x1b[?25h\x1b[?2026l")
    if wishes["pull_fails"]:
        said = wishes["pull_fails"].pop(0)
        _keep(folder, wishes)
        fail(said)
    if _full(model) not in wishes["registry"]:
        fail("pull model manifest: file does not exist")
    for percent in range(0, 101, 5):
        bar = BAR.format(percent, 12 * percent / 100)
        say(f"\x1b[?2026h\x1b[?25l\x1b[A\x1b[1Gpulling manifest \x1b[K\n{bar}\x1b[K\x1b[?25h\x1b[?2026l")
    say("\nwriting manifest \nsuccess \n")
    wishes["models"][_full(model)] = ["image"]
    _keep(folder, wishes)


def run(folder: Path, wishes: dict[str, Any], words: list[str], given: str) -> None:
    model, prompt, flags = parsed(words, _numbers(wishes["client"]))
    prompt = f"{given} {prompt}" if given else prompt
    if wishes["deaf"]:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if wishes["grandchild"]:
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        (folder / "grandchild").write_text(str(child.pid))
    if _full(model) not in wishes["models"]:
        pull(folder, wishes, model)
    if wishes["fails"]:
        status, said = wishes["fails"].pop(0)
        _keep(folder, wishes)
        fail(said, status)
    if not FIRST_THAT_CAN <= _numbers(wishes["server"]) <= LAST_THAT_CAN:
        fail(UNSUPPORTED)
    prompt = without_pictures(prompt)
    (folder / "working").touch()
    total = flags["--steps"] or 9
    while (folder / "hold").exists():
        time.sleep(0.01)
    for step in range(total + 1):
        bar = f"Generating {100 * step / total:3.0f}% ▕{'█' * step}{' ' * (total - step)}▏ {step}/{total}"
        say(f"\x1b[?25l\x1b[1G{bar}\x1b[K\x1b[?25h")
    say("\x1b[?25l\x1b[2K\x1b[1G\x1b[?25h")
    wide, high = flags["--width"], flags["--height"]
    if max(wide, high) > 4096:
        fail("400 Bad Request: width and height must be <= 4096")
    key = f"{model} {prompt} {flags['--seed'] or time.time_ns()}"
    png = encode(Picture(wide, high, key))
    if wishes["spoil"] == "other":
        png = encode(Picture(wide + 16, high, key))
    png = {"cut": png[: len(png) // 2], "text": b"not a picture"}.get(wishes["spoil"], png)
    for number in range(wishes["files"]):
        name = f"{sanitized(prompt)}-20260101-1200{number:02d}.png"
        Path(name).write_bytes(png)
        sys.stdout.write("A" * wishes["chatter"])
        print(f"Image saved to: {name}")


def parsed(words: list[str], version: tuple[int, ...]) -> tuple[str, str, dict[str, int]]:
    """As cobra has it: flags anywhere before `--`."""
    flags, plain = dict(FLAGS), []
    rest = list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            plain += rest
            break
        if word.startswith("-"):
            if word not in flags or version < FIRST_THAT_CAN:
                fail(f"unknown flag: {word}")
            flags[word] = int(rest.pop(0))
        else:
            plain.append(word)
    return plain[0], " ".join(plain[1:]), flags


def without_pictures(prompt: str) -> str:
    """Paths of pictures are opened and cut out."""
    found = re.findall(
        r"((?:[a-zA-Z]:)?(?:\./|/|\\)[^\t\n\f\r]+?\.(?i:jpg|jpeg|png|webp))(?:$|[\"'\s.,;:!?)\]><&|+}`])", prompt
    )
    for path in found:
        if Path(path).exists():
            say(f"Added image '{path}'\n")
            prompt = prompt.replace(path, "")
    return prompt.strip()


def sanitized(prompt: str) -> str:
    return re.sub(r"[^a-z0-9-]", "", prompt.lower().replace(" ", "-"))[:50]


def say(text: str) -> None:
    sys.stderr.write(text)
    sys.stderr.flush()


def fail(said: str, status: int = 1) -> None:
    say(f"Error: {said}\n")
    raise SystemExit(status)


def _full(model: str) -> str:
    return model if ":" in model.rpartition("/")[2] else f"{model}:latest"


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("-")[0].split("."))


def _keep(folder: Path, wishes: dict[str, Any]) -> None:
    temporary = folder / f"ollama.json.{os.getpid()}"
    temporary.write_text(json.dumps(wishes), "utf-8")
    temporary.replace(folder / "ollama.json")
