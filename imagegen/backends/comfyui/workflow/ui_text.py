"""Text as ComfyUI's page sends it, for inputs with the option ``dynamicPrompts``.

The page takes ``/* */`` and ``//`` comments out, draws one of the choices in ``{a|b}`` at random, drops
the braces, and ``\\{``, ``\\}``, ``\\|`` stand for the character itself. Drawing is not for a build, so a
choice is an error. Our own placeholders (``{{PROMPT}}``) stay as they are.
"""

from __future__ import annotations

import re

from imagegen.backends.comfyui.workflow.placeholders import PLACEHOLDER

_COMMENT = re.compile(r"/\*.*?\*/|//[^\n\r\u2028\u2029]*", re.DOTALL)
_TOKEN = re.compile(rf"{PLACEHOLDER.pattern}|\\(?P<escaped>[{{}}|])|\\.|(?P<sign>[{{}}|])|[^\\{{}}|]+|\\", re.DOTALL)


class Choice(ValueError):
    """The text leaves something to chance."""


def sent(text: str) -> str:
    """What the page would send for ``text``. Raises Choice."""
    said: list[str] = []
    depth = 0
    for token in _TOKEN.finditer(_COMMENT.sub("", text)):
        sign = token["sign"]
        if sign == "{":
            depth += 1
        elif sign == "}" and depth:
            depth -= 1
        elif sign == "|" and depth:
            raise Choice(text)
        else:
            said.append(token["escaped"] or token[0])
    return "".join(said)
