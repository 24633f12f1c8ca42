"""Bytes as a person reads them."""

from __future__ import annotations


def amount(size: int) -> str:
    """``6.9 GB``, ``228 MB``, ``12 kB``: units of 1000, as the pages that offer models count."""
    for unit, power in (("TB", 12), ("GB", 9), ("MB", 6), ("kB", 3)):
        value = size / 10**power
        if value >= 1:
            return f"{value:.1f} {unit}" if value < 10 or power >= 9 else f"{value:.0f} {unit}"
    return f"{size} bytes"
