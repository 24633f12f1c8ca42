"""Reading a multipart form (RFC 7578), as far as uploads need it."""

from __future__ import annotations

from email.message import Message
from typing import NamedTuple


class Part(NamedTuple):
    """One field of a form; a file has a name."""

    filename: str | None
    data: bytes


def form_fields(content_type: str, body: bytes) -> dict[str, Part]:
    """The fields by name. Raises ValueError when the body is not such a form."""
    boundary = _parameter("Content-Type", content_type, "boundary")
    if boundary is None:
        raise ValueError(f"not a multipart form: {content_type!r}")
    fields = {}
    for section in (b"\r\n" + body).split(b"\r\n--" + boundary.encode())[1:-1]:
        head, _, data = section.removeprefix(b"\r\n").partition(b"\r\n\r\n")
        for line in head.decode().split("\r\n"):
            name, _, value = line.partition(":")
            if name.lower() == "content-disposition":
                field = _parameter(name, value, "name")
                fields[field or ""] = Part(_parameter(name, value, "filename"), data)
    return fields


def _parameter(header: str, value: str, name: str) -> str | None:
    message = Message()
    message[header] = value.strip()
    found = message.get_param(name, header=header)
    if isinstance(found, tuple):  # RFC 2231: charset, language, text
        return found[2]
    return found
