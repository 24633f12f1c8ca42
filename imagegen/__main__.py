"""The console script, and `python -m imagegen`."""

import gc
import os
import sys
from pathlib import Path


def main() -> None:
    """Run the program."""
    # A short life with tens of thousands of small values, none of them in circles: collecting costs a
    # sixth of a run that finds nothing to do. Off before the imports, which make most of them.
    gc.disable()
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us, or a program without a console
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115
    from imagegen.app import main as program

    status = program(sys.argv[1:])
    gc.freeze()  # the interpreter collects once more when it ends
    sys.exit(status)


if __name__ == "__main__":
    main()
