"""The manifest's reference as Markdown, made from the schemas: `python -m imagegen.reference` prints it,
`python -m imagegen.reference README.md` puts it between the markers of that file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from imagegen import backends, schema

SHARED = ("vars", "matrix", "exclude")
"""What both a job and an item have that is no setting."""

BEGIN, END = "<!-- settings -->", "<!-- /settings -->"


def markdown() -> str:
    """All tables: the top level, the settings, what only jobs and items have, each backend's block."""
    whole = schema.assembled()
    defs = whole["$defs"]
    top = whole["properties"]
    settings = top["defaults"]["properties"]
    parts = [
        "At the top level:\n",
        *_table(top, defs),
        "\nSettings, under `defaults`, in a job or in an item; the narrowest holds:\n",
        *_table(settings, defs),
        "\nAn item has besides:\n",
        *_table({name: defs["item"]["properties"][name] for name in ("name", "slug", *SHARED)}, defs),
        "\nA job has besides:\n",
        *_table({name: defs["job"]["properties"][name] for name in ("items", "source", *SHARED)}, defs),
        "\nA `source`:\n",
        *_table(defs["source"]["properties"], defs),
    ]
    parts += ["\nAn entry of `models` has:\n", *_table(top["models"]["items"]["properties"], defs)]
    for name in backends.names():
        block = top["backends"]["properties"][name]
        parts.append(f"\n`backends.{name}`: {block['description']}\n")
        if block["properties"]:
            parts += _table(block["properties"], defs)
    return "\n".join(parts) + "\n"


def _table(properties: Mapping[str, Any], defs: Mapping[str, Any]) -> Iterator[str]:
    yield "| key | what | default |"
    yield "| --- | --- | --- |"
    for name, entry in properties.items():
        found = {**entry, **defs[entry["$ref"].removeprefix("#/$defs/")]} if "$ref" in entry else entry
        default = f"`{json.dumps(found['default']).strip(chr(34))}`" if "default" in found else ""
        what = str(found["description"]).replace("|", "\\|")
        if name == "backend":
            what += " One of " + ", ".join(f"`{one}`" for one in backends.names()) + "."
        yield f"| `{name}` | {what} | {default} |"


def put_into(text: str) -> str:
    """``text`` with the reference between its markers."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{markdown()}{END}{after}"


if __name__ == "__main__":
    if len(sys.argv) > 1:
        file = Path(sys.argv[1])
        file.write_text(put_into(file.read_text("utf-8")), "utf-8")
    else:
        sys.stdout.write(markdown())
