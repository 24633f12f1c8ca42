"""What a stand-in Inngest server writes: ids, signatures and the body of a call, as a real one was recorded to."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
UNTARGETED = "step"
FAILED = "inngest/function.failed"


class Call(NamedTuple):
    """One call of a run: for a step that was planned (its hash) or for whatever comes next. ``attempt`` counts
    from 0; a call that is made again keeps its ``job``."""

    job: str
    step: str = UNTARGETED
    attempt: int = 0


class Answer(NamedTuple):
    """What the SDK said; ``status`` is 0 where it said nothing."""

    status: int
    headers: Mapping[str, str] = {}
    body: Any = None


@dataclass
class Function:
    """A function as it was registered."""

    id: str
    config: dict[str, Any]

    @property
    def url(self) -> str:
        return str(self._step["runtime"]["url"])

    @property
    def most_attempts(self) -> int:
        return int(self._step.get("retries", {"attempts": 3})["attempts"]) + 1

    @property
    def limit(self) -> int:
        """Steps at a time; 0 is no limit."""
        return min((one["limit"] for one in self.config.get("concurrency") or ()), default=0)

    @property
    def _step(self) -> dict[str, Any]:
        return dict(self.config["steps"]["step"])


@dataclass
class Run:
    """One run of a function. ``status`` is Running, Completed, Failed or Cancelled, ``output`` what it ended with;
    ``steps`` what is memoized: hash → data or error; ``waits`` the seconds that the SDK asked to wait."""

    function: Function
    event: dict[str, Any]
    id: str = ""
    status: str = "Running"
    output: Any = None
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    stack: list[str] = field(default_factory=list)
    planned: set[str] = field(default_factory=set)
    waits: list[float] = field(default_factory=list)
    version: int = -1
    """-1 until the SDK has said which it speaks."""

    @property
    def data(self) -> list[Any]:
        """What the steps gave, in the order in which they were done."""
        return [self.steps[one].get("data") for one in self.stack]


def ulid() -> str:
    number = int(time.time() * 1000) << 80 | secrets.randbits(80)
    return "".join(CROCKFORD[number >> 5 * place & 31] for place in reversed(range(26)))


def new_call(step: str = UNTARGETED) -> Call:
    return Call(secrets.token_hex(7)[:13], step)


def hashed(step: str) -> str:
    """A step's id as it goes over the wire."""
    return hashlib.sha1(step.encode(), usedforsecurity=False).hexdigest()


def signature(body: bytes, key: str, at: int | None = None) -> str:
    """The header `x-inngest-signature` for a body that is signed as it is (an answer) or in its canonical form (a
    request, see `canonical`). The key's prefix `signkey-…-` is not part of it."""
    seconds = str(int(time.time()) if at is None else at)
    bare = re.sub(r"^signkey-\w+-", "", key)
    mac = hmac.new(bare.encode(), body + seconds.encode(), hashlib.sha256)
    return f"t={seconds}&s={mac.hexdigest()}"


def signed_by(key: str, body: bytes, header: str) -> bool:
    at = re.match(r"t=(\d+)&", header)
    return bool(at) and hmac.compare_digest(signature(body, key, int(at[1])), header)


def bearer(key: str) -> str:
    """The header with which an SDK registers."""
    return f"Bearer {hashlib.sha256(bytes.fromhex(re.sub(r'^signkey-[a-z]+-', '', key))).hexdigest()}"


def canonical(body: Any) -> bytes:
    """RFC 8785, for what is sent here: no fractions, keys of plain letters."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() if body else b""


def whole_event(event: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "data": event.get("data") or {},
        "id": event.get("id") or ulid(),
        "name": event["name"],
        "ts": event.get("ts") or int(time.time() * 1000),
        "user": event.get("user") or {},
    }


def failure_of(run: Run, answer: Answer) -> dict[str, Any]:
    """The event that tells a run's failure, which the function's `on_failure` is called for."""
    result = answer.body if isinstance(answer.body, dict) else {"message": f"no answer ({answer.status})"}
    told = "NonRetriableError" if answer.headers.get("x-inngest-no-retry") else f"invalid status code: {answer.status}"
    error = {"error": told} | {key: result[key] for key in ("message", "name", "stack") if key in result}
    unadorned = {key: value for key, value in run.event.items() if key != "user"}
    data = {"_inngest": {"status": "Failed"}, "error": error, "event": run.event, "events": [unadorned],
            "function_id": run.function.id, "result": result, "run_id": run.id}  # fmt: skip
    return whole_event({"name": FAILED, "id": run.id, "data": data})


def call_body(run: Run, call: Call) -> dict[str, Any]:
    context = {
        "attempt": call.attempt,
        "disable_immediate_execution": False,
        "env": "",
        "fn_id": str(uuid.uuid5(uuid.NAMESPACE_URL, run.function.id)),
        "generation_id": call.attempt + 1,
        "job_id": call.job,
        "max_attempts": run.function.most_attempts,
        "qi_id": base64.b64encode(f"{call.job}::default".encode()).decode(),
        "request_id": ulid(),
        "run_id": run.id,
        "stack": {"current": len(run.stack), "stack": list(run.stack)},
        "step_id": call.step,
        "use_api": False,
    }
    return {"ctx": context, "defers": {}, "event": run.event, "events": [run.event], "steps": dict(run.steps),
            "use_api": False, "version": run.version}  # fmt: skip


def call_headers(run: Run, call: Call) -> dict[str, str]:
    return {
        "content-type": "application/json",
        "x-inngest-generation-id": str(call.attempt + 1),
        "x-inngest-job-id": call.job,
        "x-inngest-req-version": str(run.version),
        "x-inngest-step-id": call.step,
    }
