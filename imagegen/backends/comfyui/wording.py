"""What went wrong at a server, in words: the reason of a network error, and what a refused graph's answer says."""

from __future__ import annotations

from typing import Any


def why(error: BaseException) -> str:
    """The innermost reason of a network error, in a few words."""
    seen: list[BaseException] = []
    step: BaseException | None = error
    while step is not None and step not in seen:
        seen.append(step)
        inner = [arg for arg in step.args if isinstance(arg, BaseException)]
        reason = getattr(step, "reason", None)
        step = (
            step.__cause__
            or (reason if isinstance(reason, BaseException) else None)
            or (inner[0] if inner else step.__context__)
        )
    for found in reversed(seen):
        if isinstance(found, OSError) and found.strerror:
            return found.strerror.lower()
    names = [type(found).__name__ for found in seen]
    if any("Timeout" in name or "TimedOut" in name for name in names):
        return "it took too long"
    if any(name in ("IncompleteRead", "ProtocolError", "RemoteDisconnected", "ChunkedEncodingError") for name in names):
        return "the connection was cut"
    return str(seen[-1]) or names[-1]


def refusal(body: Any) -> str:
    """What a refused graph's answer says, readable: the error, and each node's own."""
    if not isinstance(body, dict):
        return str(body)[:300] or "no reason given"
    error = body.get("error")
    lines: list[str] = []
    node_errors = body.get("node_errors") or {}
    for node_id, node in node_errors.items() if isinstance(node_errors, dict) else ():
        for one in node.get("errors", ()):
            lines.append(
                f"{node.get('class_type', 'node')} (node {node_id}): {one.get('message', '')}"
                + (f", {one['details']}" if one.get("details") else "")
            )
    if lines:
        return "; ".join(lines)
    if isinstance(error, dict):
        details = error.get("details")
        return str(error.get("message", "refused")) + (f" ({details})" if details else "")
    return str(error or body)[:300]
