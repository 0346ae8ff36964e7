"""What happens to one call: which service it means, which fault strikes, which job it makes or polls."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from imgen_providers.sandbox.exchange import (
    Call,
    Hangup,
    Reply,
    Route,
    Trouble,
    TroubleKind,
    Wire,
    json_reply,
)
from imgen_providers.sandbox.fal import Fal
from imgen_providers.sandbox.fields import BadField
from imgen_providers.sandbox.gemini import Gemini
from imgen_providers.sandbox.gmicloud import GMICloud
from imgen_providers.sandbox.gptproto import GPTProto
from imgen_providers.sandbox.gptproto_unified import GPTProtoUnified
from imgen_providers.sandbox.openai import OpenAI
from imgen_providers.sandbox.openrouter import OpenRouter
from imgen_providers.sandbox.pictures import Pictures
from imgen_providers.sandbox.reapi import ReAPI
from imgen_providers.sandbox.store import StoredJob
from imgen_providers.sandbox.threedaistudio import ThreeDAIStudio

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable

    from imgen_providers.sandbox.faults import FaultScript
    from imgen_providers.sandbox.store import Fate, JobStore, Standing

_WEB_PAGE = b"<!doctype html><html><head><title>%d</title></head><body><h1>%s</h1></body></html>"
_FATES: dict[str, Fate] = {
    "stuck": "stuck",
    "job-failed": "fails",
    "job-error": "error",
    "job-expired": "expired",
    "job-rate-limited": "rate-limited",
    "content-policy": "refused",
}
_REFUSALS: tuple[TroubleKind, ...] = ("bad-key", "no-credit")
_WAIT_IN_BODY = ("gemini",)
"""Services that name the seconds to wait in the body of a 429, and in no header."""


class Desk:
    """All services behind one door, with one store and one script of faults.

    `seconds` is how long a job takes in all; `closing` ends every wait. With a `key` the links are signed with it.
    """

    def __init__(
        self,
        store: JobStore,
        faults: FaultScript,
        *,
        seconds: float,
        now: Callable[[], float],
        closing: threading.Event,
        key: str | None = None,
    ) -> None:
        self._store = store
        self._faults = faults
        self._seconds = seconds
        self._now = now
        self._closing = closing
        self._pictures = Pictures(store, faults, now, key)
        gemini = Gemini(store, self._pictures, faults, now)
        self._without_key = (*self._pictures.routes, gemini.files.place)
        self._wires: tuple[Wire, ...] = (
            gemini,  # before GPTProto: both have /v1/models, and only Google's call has its header
            ThreeDAIStudio(store, self._pictures),
            GMICloud(
                store,
                self._pictures,
                now,
                blocking=faults.take("gmi-blocking") is not None,
                inline=faults.take("gmi-inline") is not None,
            ),
            ReAPI(self._pictures),
            GPTProto(self._pictures),
            GPTProtoUnified(self._pictures),
            OpenAI(self._pictures, faults),
            OpenRouter(store, self._pictures, faults),
            Fal(store, self._pictures, faults, now),
        )

    def is_submit(self, method: str, path: str) -> bool:
        """Whether such a call would make a job."""
        return any(
            route.role == "submit" and route.method == method and route.pattern.fullmatch(path)
            for wire in self._wires
            for route in wire.routes
        )

    def answer(self, call: Call) -> Reply:
        """The answer to one call. Raises `Hangup` when the connection is to end without one."""
        for route in self._without_key:
            found = route.pattern.fullmatch(call.path)
            if found and route.method == _asked(call) and callable(route.role):
                return route.role(replace(call, place=found.groupdict()))
        for wire in self._wires:
            methods = set()
            for route in wire.routes:
                found = route.pattern.fullmatch(call.path)
                if found and route.header in (None, *call.headers):
                    methods.add(route.method)
                    if route.method == _asked(call):
                        return self._serve(wire, route, replace(call, place=found.groupdict()))
            if methods:
                reply = wire.trouble(Trouble("wrong-method"))
                return replace(reply, headers={**reply.headers, "Allow": ", ".join(sorted(methods))})
        return json_reply(404, {"error": "not found"})

    def _serve(self, wire: Wire, route: Route, call: Call) -> Reply:
        if refusal := wire.refuses_key(call):
            return refusal
        try:
            match route.role:
                case "submit":
                    return self._submit(wire, call)
                case "status":
                    return self._status(wire, call)
                case question:
                    return question(call)
        except BadField as bad_field:
            return wire.bad_field(bad_field)

    def _submit(self, wire: Wire, call: Call) -> Reply:
        if self._faults.take("reset-after-read"):
            raise Hangup("reset-after-read", abrupt=True)
        for kind in _REFUSALS:
            if self._faults.take(kind):
                return wire.trouble(Trouble(kind))
        if fault := self._faults.take("429"):
            return _slowed(wire, fault.value)
        if fault := self._faults.take("submit-5xx"):
            return _broken(wire, int(fault.value))
        order = wire.order(call)
        fate: Fate = "stuck" if order.never_runs else self._fate()
        if fate == "refused" and order.refused_at_once:
            return wire.trouble(Trouble("content-policy"))
        if order.count > 1 and self._faults.take("fewer-pictures"):
            order = replace(order, count=order.count - 1)
        job = StoredJob(wire.new_id(), order, self._now(), self._seconds, fate)
        self._store.save(job)
        return self._accepted(wire, job, call.origin)

    def _accepted(self, wire: Wire, job: StoredJob, origin: str) -> Reply:
        if self._faults.take("lost-reply"):
            raise Hangup("lost-reply")
        if fault := self._faults.take("slow-reply"):
            self._wait(fault.value)
        now = self._now()
        if job.order.blocks:
            self._wait(job.seconds)
            now = max(now, job.ends_at)
        if self._faults.take("garbage"):
            return _web_page(200)
        reply = wire.accepted(job, job.standing(now), origin)
        if fault := self._faults.take("trickling-answer"):
            reply = replace(reply, seconds=fault.value)
        return replace(reply, sent=len(reply.body) // 2) if self._faults.take("cut-answer") else reply

    def _wait(self, seconds: float) -> None:
        if self._closing.wait(seconds):
            raise Hangup("closing")

    def _fate(self) -> Fate:
        return next((fate for name, fate in _FATES.items() if self._faults.take(name)), "succeeds")

    def _status(self, wire: Wire, call: Call) -> Reply:
        if fault := self._faults.take("rate-limit-poll"):
            return _slowed(wire, fault.value)
        if fault := self._faults.take("poll-5xx"):
            return _broken(wire, int(fault.value))
        if self._faults.take("garbage-poll"):
            return _web_page(200)
        job = self._store.job(wire.name, call.place["id"])
        if job is None:
            return wire.trouble(Trouble("not-found"))
        return wire.status(job, self._bent(job.standing(self._now())), call.origin)

    def _bent(self, standing: Standing) -> Standing:
        if self._faults.take("odd-state"):
            return replace(standing, state="unheard-of", pictures=0)
        if standing.state == "done" and self._faults.take("empty-results"):
            return replace(standing, pictures=0)
        return standing


def _asked(call: Call) -> str:
    """The method whose answer is wanted; of that to HEAD, only the head is sent."""
    return "GET" if call.method == "HEAD" else call.method


def _slowed(wire: Wire, seconds: float) -> Reply:
    reply = wire.trouble(Trouble("rate-limited", seconds=seconds))
    if wire.name in _WAIT_IN_BODY:
        return reply
    return replace(reply, headers={**reply.headers, "Retry-After": f"{seconds:g}"})


def _broken(wire: Wire, status: int) -> Reply:
    return _web_page(status) if status in (502, 504) else wire.trouble(Trouble("server-error", status))


def _web_page(status: int) -> Reply:
    words = {502: b"Bad Gateway", 504: b"Gateway Timeout"}.get(status, b"Please wait")
    return Reply(status, _WEB_PAGE % (status, words), "text/html; charset=utf-8")
