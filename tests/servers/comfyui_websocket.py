"""The server's side of a WebSocket (RFC 6455): the handshake and the frames, nothing of ComfyUI."""

from __future__ import annotations

import base64
import hashlib
import os
import socket
import struct
import threading
from io import BufferedIOBase

_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, section 1.3
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_SEND_TIMEOUT = 5  # seconds; a client that reads nothing for so long is dropped


def accept_key(key: str) -> str:
    """The `Sec-WebSocket-Accept` that answers a `Sec-WebSocket-Key`."""
    return base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_SUFFIX).digest()).decode()


class Socket:
    """One open WebSocket. Any thread may send; one thread, the connection's own, reads."""

    def __init__(self, connection: socket.socket, reader: BufferedIOBase) -> None:
        self._connection = connection
        self._reader = reader
        self._sending = threading.Lock()
        self.open = True
        self.silent = False
        _limit_sending(connection)

    def send_text(self, text: str) -> None:
        """Send one text message; a lost connection is noted in `open`, not raised."""
        self._send(_TEXT, text.encode())

    def send_binary(self, data: bytes) -> None:
        """Send one binary message; a lost connection is noted in `open`, not raised."""
        self._send(_BINARY, data)

    def receive(self) -> str | bytes | None:
        """The client's next message, or None once the connection is over. Pings are answered inside."""
        kind, parts = _CONTINUATION, []
        while (frame := self._read_frame()) is not None:
            final, opcode, payload = frame
            if opcode == _PING:
                self._send(_PONG, payload)
            elif opcode == _CLOSE:
                self._send(_CLOSE, payload[:2])
                break
            elif opcode in (_CONTINUATION, _TEXT, _BINARY):
                kind = opcode or kind
                parts.append(payload)
                if final:
                    message = b"".join(parts)
                    return message.decode(errors="replace") if kind == _TEXT else message
        self.open = False
        return None

    def close(self, code: int = 1001) -> None:
        """Say goodbye with a close frame, and end the connection."""
        self._send(_CLOSE, struct.pack(">H", code))
        self.abort()

    def abort(self) -> None:
        """End the connection without a word, as a server that died or a proxy that gave up does."""
        self.open = False
        try:
            self._connection.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass  # it is gone already

    def _send(self, opcode: int, payload: bytes) -> None:
        if self.silent and opcode in (_TEXT, _BINARY):
            return
        size = len(payload)
        if size < 126:
            head = struct.pack(">BB", 0x80 | opcode, size)
        elif size < 1 << 16:
            head = struct.pack(">BBH", 0x80 | opcode, 126, size)
        else:
            head = struct.pack(">BBQ", 0x80 | opcode, 127, size)
        try:
            with self._sending:
                self._connection.sendall(head + payload)
        except OSError:
            self.abort()

    def _read_frame(self) -> tuple[bool, int, bytes] | None:
        try:
            first, second = self._read(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", self._read(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._read(8))
            mask = self._read(4) if second & 0x80 else b"\0\0\0\0"
            return bool(first & 0x80), first & 0x0F, _unmask(self._read(size), mask)
        except (OSError, ValueError, EOFError):  # ValueError: the reader was closed under us
            return None

    def _read(self, count: int) -> bytes:
        data = self._reader.read(count)
        if len(data) < count:
            raise EOFError
        return data


def _unmask(payload: bytes, mask: bytes) -> bytes:
    key = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")).to_bytes(len(payload), "big")


def _limit_sending(connection: socket.socket) -> None:
    """Let no client block the server by not reading.

    Not `settimeout`, which would hold for reading too, and there a long silence is right.
    """
    on_windows = struct.pack("@L", _SEND_TIMEOUT * 1000)
    limit = on_windows if os.name == "nt" else struct.pack("@ll", _SEND_TIMEOUT, 0)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
