"""The ways in which the stand-in can be told to misbehave: one line in a test, from any thread.

A fault is armed for a number of `times` (None: until `clear`), and used up as it strikes. Paths are those of
the routes without `/api`: `"/view"` also means what is below it, `"POST /queue"` only that method, `"*"` all.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any

from .comfyui_pictures import Picture, encode, with_bad_crc

if TYPE_CHECKING:
    from .comfyui import ComfyServer
    from .comfyui_http import Listener

HTML_PAGE = "<!DOCTYPE html>\n<html><head><title>Just a moment</title></head><body>Wait.</body></html>\n"
OUT_OF_MEMORY = (
    "Allocation on device \nThis error means you ran out of memory on your GPU.\n\n"
    "TIPS: If the workflow worked before you might have accidentally set the batch_size to a large number."
)


@dataclass
class Fault:
    """One armed fault. `at` narrows it: a path, or a node's class or id."""

    what: str
    times: int | None
    at: str = "*"
    status: int = 0
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    count: int = 0
    seconds: float = 0.0
    text: str = ""
    kind: str = ""
    spoil: Callable[[bytes], bytes] = bytes

    def is_at(self, *places: str) -> bool:
        """Whether it is meant for one of these places."""
        return self.at == "*" or any(place == self.at or place.startswith(self.at + "/") for place in places)


class Outage:
    """Nobody listens at the port, from now until the end of the `with`, `end`, or after so many seconds."""

    def __init__(self, listener: Listener, seconds: float | None) -> None:
        self._listener = listener
        listener.stop()
        if seconds is not None:
            timer = threading.Timer(seconds, self.end)
            timer.daemon = True
            timer.start()

    def end(self) -> None:
        """Listen again."""
        self._listener.start()

    def __enter__(self) -> Outage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end()


class Faults:
    """What is wrong with the server, or will be. Each method arms one fault, or does it at once."""

    def __init__(self, server: ComfyServer) -> None:
        self._server = server
        self._changed = server.changed
        self._armed: list[Fault] = []
        self._clearings = 0

    def take(self, what: str, *places: str) -> Fault | None:
        """For the server: the first armed fault of this sort for one of these places; one use is taken."""
        if not self._armed:  # the usual case costs no lock
            return None
        with self._changed:
            for fault in self._armed:
                if fault.what == what and fault.is_at(*places):
                    if fault.times is not None:
                        fault.times -= 1
                        if not fault.times:
                            self._armed.remove(fault)
                        self._changed.notify_all()
                    return fault
            return None

    @property
    def armed(self) -> list[str]:
        """The sorts of faults that have not been used up."""
        with self._changed:
            return [fault.what for fault in self._armed]

    def clear(self) -> None:
        """Behave from now on; requests that hang are dropped."""
        with self._changed:
            self._armed.clear()
            self._clearings += 1
            self._server.sockets.noisy = self._server.sockets.twice = False
            self._changed.notify_all()

    def wait_until_cleared(self, seconds: float | None = None) -> bool:
        """For the server: wait so long (None: for ever); True if `clear` or the end came first."""
        with self._changed:
            now = self._clearings
            return self._changed.wait_for(lambda: self._clearings != now or self._server.closing, seconds)

    # Requests

    def refuse(self, seconds: float | None = None) -> Outage:
        """Stop listening now, and end all connections; jobs go on.

        For so many seconds; or, without, until the end of `with faults.refuse():`.
        """
        return Outage(self._server.listener, seconds)

    def hang(self, path: str = "*", times: int | None = 1) -> None:
        """Take the request and never answer it."""
        self._arm("hang", times, at=path)

    def delay(self, path: str, seconds: float, times: int | None = 1) -> None:
        """Answer late."""
        self._arm("delay", times, at=path, seconds=seconds)

    def drop(self, path: str = "*", times: int | None = 1) -> None:
        """Take the request, do nothing, and close the connection without an answer."""
        self._arm("drop", times, at=path)

    def answer(
        self,
        path: str,
        status: int,
        body: Any = None,
        times: int | None = 1,
        headers: dict[str, str] | None = None,
    ) -> None:
        """Answer with this and do nothing: `body` can be text, bytes, or anything else, sent as JSON."""
        if isinstance(body, (bytes, str)) or body is None:
            data = body if isinstance(body, bytes) else (body or "").encode()
            kind = "text/html" if data.lstrip().startswith(b"<") else "text/plain"
        else:
            data, kind = json.dumps(body).encode(), "application/json"
        lines = {"Content-Type": f"{kind}; charset=utf-8"} | (headers or {})
        self._arm("answer", times, at=path, status=status, body=data, headers=tuple(lines.items()))

    def html(self, path: str = "*", status: int = 200, times: int | None = 1) -> None:
        """Answer with a web page, as a proxy does while the server behind it is away."""
        self.answer(path, status, HTML_PAGE, times)

    def lose_answer(self, path: str = "POST /prompt", times: int | None = 1) -> None:
        """Do what is asked (queue the job), and close the connection before the answer."""
        self._arm("lose answer", times, at=path)

    def do_twice(self, path: str = "POST /prompt", times: int | None = 1) -> None:
        """Do what is asked twice (queue the job twice), and answer once."""
        self._arm("do twice", times, at=path)

    def cut_download(self, after: int, path: str = "/view", times: int | None = 1) -> None:
        """Announce the whole length, send so many bytes, and close the connection."""
        self._arm("cut", times, at=path, count=after)

    # The server as a whole

    def restart_and_forget(self, down: float = 0.0) -> None:
        """Restart now: queue, history, running job and temporary files are gone, all connections end.

        For `down` seconds nobody listens at the port.
        """
        self._server.restart(down)

    # WebSockets

    def drop_sockets(self, client: str | None = None, gracefully: bool = False) -> int:
        """End all sockets now, or one client's; gracefully: with a close frame. How many there were."""
        return self._server.sockets.drop(client, gracefully)

    def drop_sockets_every(self, seconds: float) -> None:
        """End all sockets again and again, as an impatient proxy does, until `clear`."""

        def keep_dropping() -> None:
            while not self.wait_until_cleared(seconds):
                self.drop_sockets()

        threading.Thread(target=keep_dropping, name="comfyui-socket-dropper", daemon=True).start()

    def refuse_sockets(self, status: int = 403, times: int | None = None) -> None:
        """Answer the handshake with this status; plain requests are served."""
        self.answer("/ws", status, "", times)

    def silent_sockets(self, times: int | None = None) -> None:
        """Accept sockets and never say anything on them; those that are open fall silent too."""
        self._server.sockets.silence()
        self._arm("silent socket", times)

    def noisy_sockets(self) -> None:
        """Before each message send things that are no concern of the client, and things that are not JSON."""
        self._server.sockets.noisy = True

    def duplicate_messages(self) -> None:
        """Say everything twice."""
        self._server.sockets.twice = True

    def say(self, text: str) -> None:
        """Send this text to every client now."""
        self._server.sockets.send_raw(text)

    # Jobs

    def node_errors_with_success(self, times: int | None = 1) -> None:
        """Answer POST /prompt with 200, queue the job, and report errors of another output node."""
        self._arm("node errors", times)

    def fail_node(
        self, message: str, node: str = "*", exception_type: str = "RuntimeError", times: int | None = 1
    ) -> None:
        """The next run of that node (class or id; `*`: any) raises."""
        self._arm("fail", times, at=node, text=message, kind=exception_type)

    def out_of_memory(self, node: str = "KSampler", times: int | None = 1) -> None:
        """The next run of that node finds no memory."""
        self.fail_node(OUT_OF_MEMORY, node, "torch.OutOfMemoryError", times)

    def interrupt_jobs(self, times: int | None = 1) -> None:
        """The next job is interrupted by somebody else, in its first sampling or output node."""
        self._arm("interrupt", times)

    def interrupt(self) -> None:
        """Somebody else interrupts what runs, now."""
        self._server.life.interrupt(None)

    def delete_pending(self, prompt_id: str | None = None) -> list[str]:
        """Somebody else withdraws a waiting job, or all (None), now; which."""
        queue = self._server.life.queue
        with self._changed:
            doomed = [job.prompt_id for job in queue.pending if prompt_id in (None, job.prompt_id)]
            return [each for each in doomed if queue.delete(each)]

    def temp_only(self, times: int | None = 1) -> None:
        """The next picture saved is of the type `temp`."""
        self._arm("temp", times)

    def several_outputs(self, count: int = 2, times: int | None = 1) -> None:
        """The next picture saved is saved so many times, under so many names."""
        self._arm("several", times, count=count)

    def no_outputs(self, times: int | None = 1) -> None:
        """The next save node saves nothing, and its job is a success without outputs."""
        self._arm("no outputs", times)

    def null_status(self, times: int | None = 1) -> None:
        """The next job's history entry has the status null, as newer servers write it."""
        self._arm("null status", times)

    # Pictures: as they are sent, by /view or as a binary message

    def wrong_size(self, width: int, height: int, times: int | None = 1) -> None:
        """Send a whole picture of that size instead."""
        self._arm("spoil", times, spoil=lambda _: encode(Picture(width, height, "of the wrong size")))

    def truncated_png(self, times: int | None = 1) -> None:
        """Send the first half, and call that all."""
        self._arm("spoil", times, spoil=lambda png: png[: len(png) // 2])

    def bad_crc(self, times: int | None = 1) -> None:
        """Send a picture with a wrong checksum."""
        self._arm("spoil", times, spoil=with_bad_crc)

    def empty_picture(self, times: int | None = 1) -> None:
        """Send a picture of no bytes."""
        self._arm("spoil", times, spoil=lambda _: b"")

    def lose_file(self, filename: str | None = None) -> int:
        """Delete a file that was made, or all (None), now; how many. `/view` then answers 404."""
        return self._server.files.delete(filename, "output")

    def lose_files(self, times: int | None = 1) -> None:
        """The next pictures are saved and gone: `/view` answers 404."""
        self._arm("lose file", times)

    def _arm(self, what: str, times: int | None, **how: Any) -> None:
        with self._changed:
            self._armed.append(Fault(what, times, **how))
