"""The combinations of a matrix: which there are, and what each adds to an item's slug and name. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from imagegen.errors import did_you_mean, listed
from imagegen.text import slug_of

Matrix = Mapping[str, Sequence[str]]
Path_ = tuple[str | int, ...]


class Choice(NamedTuple):
    """One combination: the value of each key, and what it adds to the slug (``calm-day``) and to the name
    that is shown (``calm, day``)."""

    values: Mapping[str, str]
    slug: str
    shown: str

    def slug_of(self, own: str) -> str:
        """The slug of an item whose own is ``own``."""
        return f"{own}-{self.slug}" if self.values and own else own

    def name_of(self, own: str) -> str:
        """The name shown for an item that is called ``own``."""
        return f"{own} ({self.shown})" if self.values else own


ALONE = Choice({}, "", "")
"""The one combination of an item without a matrix."""


class Fault(NamedTuple):
    """What is wrong with a matrix or what it excludes; ``path`` begins with ``matrix`` or ``exclude``."""

    message: str
    path: Path_
    hint: str = ""


def size(matrix: Matrix) -> int:
    """How many combinations there are before any is taken out: 1 for an empty matrix."""
    return math.prod(len(values) for values in matrix.values())


def choices(matrix: Matrix, exclude: Sequence[Mapping[str, str]] = ()) -> tuple[Choice, ...]:
    """Every combination that ``exclude`` leaves, the last key turning fastest.

    An entry of ``exclude`` takes out all that have its values, whatever the keys it does not name have.

    >>> [one.slug for one in choices({"emotion": ["calm", "furious"], "light": ["day"]})]
    ['calm-day', 'furious-day']
    """
    if not matrix:
        return (ALONE,)
    parts = [[(value, slug_of(value)) for value in values] for values in matrix.values()]
    taken_out = [tuple(one.items()) for one in exclude]
    made = []
    for combined in itertools.product(*parts):
        values = dict(zip(matrix, (value for value, _ in combined), strict=True))
        if not any(all(values[key] == value for key, value in one) for one in taken_out):
            made.append(Choice(values, "-".join(slug for _, slug in combined), ", ".join(values.values())))
    return tuple(made)


def stand_in(matrix: Matrix) -> tuple[Choice, ...]:
    """One combination of a matrix that is wrong, so that its items can be looked at nevertheless."""
    return choices({key: [*values, "none"][:1] for key, values in matrix.items()})


def faults(matrix: Matrix, exclude: Sequence[Mapping[str, str]], reserved: Sequence[str]) -> Iterator[Fault]:
    """All that is wrong; ``reserved`` are names that no key may have. Looks at no combination."""
    for key, values in matrix.items():
        where: Path_ = ("matrix", key)
        if key in reserved:
            yield Fault(f'a matrix can\'t have the key "{key}": every item has one', where, "rename it")
        if not key.strip() or key != key.strip() or set("{}$") & set(key):
            yield Fault(f'"{key}" can\'t be written in ${{…}}', where, "letters and digits will do")
        if not values:
            yield Fault("is empty, so that no combination is left", where, "give it values, or remove it")
        slugs: dict[str, str] = {}
        for number, value in enumerate(values):
            slug = slug_of(value)
            if not slug:
                yield Fault(f'no file name can be made of "{value}"', (*where, number), "write it in letters")
            elif slug in slugs:
                twice = "stands twice" if slugs[slug] == value else f'and "{slugs[slug]}" have one slug, {slug}'
                yield Fault(f'"{value}" {twice}', (*where, number), "each value is a part of the file's name")
            slugs.setdefault(slug, value)
    if exclude and not matrix:
        yield Fault("exclude has no use without a matrix", ("exclude",), "remove it")
        return
    for number, entry in enumerate(exclude):
        for key, value in entry.items():
            where = ("exclude", number, key)
            if key not in matrix:
                hint = did_you_mean(key, matrix) or f"there are {listed(matrix)}"
                yield Fault(f'the matrix has no "{key}"', where, hint)
            elif matrix[key] and value not in matrix[key]:
                hint = did_you_mean(value, matrix[key]) or f"there are {listed(matrix[key])}"
                yield Fault(f'takes nothing out: {key} is never "{value}"', where, hint)
