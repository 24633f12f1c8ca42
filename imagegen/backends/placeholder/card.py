"""The label: which words go where on a picture of some size. It decides; `label.py` draws."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from imagegen.backends.placeholder import lettering
from imagegen.backends.placeholder.lettering import SMALLEST, Faces

MARK = "placeholder"
"""The word by which nobody takes the picture for the real one."""


@dataclass(frozen=True)
class Box:
    """Pixels from the picture's upper left corner; ``right`` and ``bottom`` are outside."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def moved(self, x: int, y: int) -> Box:
        return Box(self.left + x, self.top + y, self.right + x, self.bottom + y)


@dataclass(frozen=True)
class Line:
    """One line of words: ``role`` is name, prompt, facts or mark; ``size`` in pixels an em."""

    role: str
    text: str
    size: int
    box: Box


@dataclass(frozen=True)
class Card:
    """A label in its place. ``panel`` is None where the emblem stands by itself."""

    panel: Box | None
    lines: tuple[Line, ...] = ()
    emblem: Box | None = None
    unit: int = SMALLEST


@dataclass(frozen=True)
class Words:
    """What there is to say, as far as it can be written; an empty name calls for the emblem."""

    name: str = ""
    prompt: str = ""
    facts: tuple[str, ...] = ()


@dataclass(frozen=True)
class Plan:
    """One way to say it: ``unit`` is the prompt's size in pixels, and all else is measured in it.

    ``names`` are sizes to try for the name, in units, with the most lines, and whether it may be cut off.
    """

    unit: int
    prompt_lines: int
    facts: bool
    mark: bool
    names: tuple[tuple[float, int, bool], ...]


LARGE = ((2.7, 1, False), (2.3, 1, False), (1.9, 2, False), (1.5, 2, False), (1.5, 2, True))
MODEST = ((1.6, 1, False), (1.3, 1, False), (1.0, 1, False), (1.0, 2, False))
BARE = (*MODEST, (1.0, 1, True))


def words(name: str, prompt: str, width: int, height: int, seed: str) -> Words:
    """What of it can be written; nothing where Pillow has no FreeType."""
    if not lettering.available():
        return Words()
    facts = (f"{width} {lettering.times()} {height}", *([f"seed {seed}"] if seed else []))
    return Words(lettering.legible(name), lettering.legible(prompt), tuple(map(lettering.legible, facts)))


def card(said: Words, width: int, height: int, faces: Faces) -> Card | None:
    """The fullest label that fits a picture of this size; the emblem alone, or None, where none does."""
    margin = max(1, round(min(width, height) * 0.042))
    room = Box(margin, margin, width - margin, height - margin)
    if lettering.available():
        for plan in _plans(said, width, height):
            laid = _laid(plan, said, room, faces)
            if laid is not None:
                return laid
    side = round(min(width, height) * 0.62)
    if side < 12:
        return None
    return Card(None, emblem=Box(0, 0, side, side).moved((width - side) // 2, (height - side) // 2))


def _plans(said: Words, width: int, height: int) -> Iterator[Plan]:
    """From the fullest to the barest."""
    best = round(max(10.5, min(0.0235 * math.sqrt(width * height), width / 24, height / 9)))
    units = [unit for unit in dict.fromkeys((best, round(best * 0.8), 10, SMALLEST)) if unit <= best]
    if said.prompt:
        for unit in units:
            for lines in (3, 2, 1):
                yield Plan(unit, lines, facts=True, mark=True, names=LARGE)
    for facts in (True, False):
        for unit in units:
            yield Plan(unit, 0, facts, mark=True, names=LARGE)
            yield Plan(unit, 0, facts, mark=True, names=MODEST)
    if said.name:
        yield Plan(SMALLEST, 0, facts=False, mark=True, names=BARE)
        yield Plan(SMALLEST, 0, facts=False, mark=False, names=BARE)


def _laid(plan: Plan, said: Words, room: Box, faces: Faces) -> Card | None:
    """The plan in its place at the room's lower left, or None where it doesn't fit."""
    unit, small = plan.unit, min(room.width, room.height) < 150
    # A line of more than seventy letters is hard to read.
    wide = room.width > 1.2 * room.height
    width = min(room.width, max(round(1.15 * room.height), 34 * unit)) if wide else room.width
    # The pattern has half of the picture, but in a very small one any word is worth more.
    part = 1.0 if room.height < 90 else 0.75 if small else 0.56
    pad = max(2, round(unit * (0.35 if small else 1.05)))
    shield = 0 if said.name else round(unit * (6.4 if plan.prompt_lines > 1 else 5.4))
    indent = pad + (shield + pad if shield else 0)
    stack = Stack(unit, width - indent - pad, faces)
    if stack.width < 2 * SMALLEST or not stack.fill(plan, said):
        return None
    tall = max(stack.height, shield)
    if tall + 2 * pad > part * room.height:
        return None
    panel = Box(0, 0, width, tall + 2 * pad).moved(room.left, room.bottom - tall - 2 * pad)
    left, top = panel.left + indent, panel.top + pad + (tall - stack.height) // 2
    lines = tuple(replace(line, box=line.box.moved(left, top)) for line in stack.lines)
    arms = Box(0, 0, shield, shield).moved(panel.left + pad, panel.top + pad + (tall - shield) // 2)
    return Card(panel, lines, arms if shield else None, unit)


class Stack:
    """Lines below one another, ``width`` pixels wide at most, from 0, 0."""

    def __init__(self, unit: int, width: int, faces: Faces) -> None:
        self.unit, self.width, self.faces = unit, width, faces
        self.lines: list[Line] = []

    @property
    def height(self) -> int:
        return max((line.box.bottom for line in self.lines), default=0)

    def fill(self, plan: Plan, said: Words) -> bool:
        """Put in all that the plan wants; False where a line is too long for that."""
        return (
            (not said.name or self.name(said.name, plan.names))
            and (not plan.prompt_lines or self.prompt(said.prompt, plan.prompt_lines))
            and (not plan.facts or self.facts(said.facts))
            and (not plan.mark or self.mark())
        )

    def name(self, text: str, sizes: Sequence[tuple[float, int, bool]]) -> bool:
        for units, most, cut in sizes:
            size = max(SMALLEST, round(self.unit * units))
            if cut:
                lines = lettering.wrapped(text, self.faces, size, self.width, most, cut=True)
            else:
                lines = lettering.balanced(text, self.faces, size, self.width, most)
            if lines is not None:
                self._add("name", lines, size, leading=1.18, gap=0)
                return True
        return False

    def prompt(self, text: str, most: int) -> bool:
        lines = lettering.wrapped(text, self.faces, self.unit, self.width, most, cut=True)
        self._add("prompt", lines or (), self.unit, leading=1.36, gap=0.3)
        return lines is not None

    def facts(self, facts: Sequence[str]) -> bool:
        """Size and seed, in one line if it is long enough."""
        one = f" {lettering.dot()} ".join(facts)
        rows = [one] if self.faces.length(one, self._fine) <= self.width else facts
        self._add("facts", rows, self._fine, leading=1.5, gap=0.55)
        return all(self.faces.length(row, self._fine) <= self.width for row in rows)

    def mark(self) -> bool:
        """At the right of the facts where there is room, else below."""
        wide = math.ceil(self.faces.length(MARK, self._fine)) + 2 * inset(self._fine)
        box = Box(0, 0, wide, math.ceil(self._fine * 1.5))
        last = self.lines[-1] if self.lines else None
        if last and last.role == "facts" and last.box.right + self.unit + wide <= self.width:
            box = box.moved(self.width - wide, last.box.top)
        elif last:
            box = box.moved(0, self.height + round(0.35 * self.unit))
        self.lines.append(Line("mark", MARK, self._fine, box))
        return wide <= self.width

    @property
    def _fine(self) -> int:
        return max(SMALLEST, round(self.unit * 0.8))

    def _add(self, role: str, texts: Sequence[str], size: int, leading: float, gap: float) -> None:
        top = self.height + (round(gap * self.unit) if self.lines else 0)
        for text in texts:
            box = Box(0, top, math.ceil(self.faces.length(text, size)), top + math.ceil(size * leading))
            self.lines.append(Line(role, text, size, box))
            top = box.bottom


def inset(size: int) -> int:
    """Pixels between the mark's word and its frame, for its size in pixels an em."""
    return round(size * 0.6)
