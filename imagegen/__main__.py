"""The console script, and `python -m imagegen`."""

import gc
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the program."""
    gc.disable()  # as loader.no_collecting says; and before the imports, which make many values too
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us, or a program without a console
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    try:
        from imagegen.app import main as program

        status = program(sys.argv[1:])
    except KeyboardInterrupt:  # before anything of ours watches for it
        status = 130
    gc.freeze()  # the interpreter collects once more when it ends
    sys.exit(status)


if __name__ == "__main__":
    main()
