"""How a worker dies at a chosen moment, with production code as it is: wrapped ports, hooked commits, an interceptor."""

from __future__ import annotations

import os
import signal
import smtplib
import threading
from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import fields, replace
from functools import wraps
from pathlib import Path
from typing import Any

import stripe
from sqlalchemy import Connection, Engine, event
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.binding import Ports
from activities.delinquency import LadderStep
from activities.letters import LetterToCustomer, LetterToOperators, Notice
from activities.recovery_letters import LetterToTenant
from tests.crash.plan import Kill, Moment, Through

_AIM: ContextVar[Kill | None] = ContextVar("the step that dies", default=None)
_IN_THE_PORT: ContextVar[bool] = ContextVar("in the port", default=False)
_WROTE = "select pg_current_xact_id_if_assigned() is not null"
_OUTSIDE = {Through.STRIPE: "provider", Through.MAIL: "postman"}


class Assassin:
    """Kills its own process at the first of the steps that were ordered, and notes which; without orders everything passes."""

    def __init__(self, orders: Sequence[Kill], notes: Path) -> None:
        self._orders = [order for order in orders if not order.by_parent]
        self._notes = notes
        self._committing = threading.local()

    def aim(self, activity_type: str, argument: object) -> Kill | None:
        """The order that this attempt is to carry out."""
        about = _what_is_done(argument)
        return next((one for one in self._orders if one.is_about(activity_type, about)), None)

    def reached(self, moment: Moment) -> None:
        """Die here if this is the moment: nothing is flushed, closed or said goodbye to."""
        aim = _AIM.get()
        if aim and aim.moment is moment:
            with self._notes.open("a", encoding="utf-8") as notes:
                notes.write(f"{aim}\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_commits(self, engine: Engine) -> None:
        """Catch BEFORE and UNREAD around the COMMIT of a step whose effect is in Postgres, or that only reads."""
        if not self._orders:
            return
        commit = engine.dialect.do_commit

        @event.listens_for(engine, "commit")
        def about_to_commit(connection: Connection) -> None:
            self._committing.counts = self._is_the_effect(connection)
            if self._committing.counts:
                self.reached(Moment.BEFORE)

        def committed(connection: Any) -> None:
            commit(connection)
            if getattr(self._committing, "counts", False):
                self.reached(Moment.UNREAD)
                self._committing.done = True

        engine.dialect.do_commit = committed  # type: ignore[method-assign,assignment]

    def watch_answers(self) -> None:
        """Catch UNREAD at Stripe and in the mail, where nobody holds the answer back: it is here, and nobody has read it."""
        if not any(order.one_of_many for order in self._orders):
            return
        ask, said, reply = stripe.RequestsClient.request, smtplib.SMTP.send, smtplib.SMTP.getreply
        over = threading.local()

        def asked(http: Any, method: str, *about: Any) -> Any:
            answer = ask(http, method, *about)
            if method == "post":
                self._answered()
            return answer

        def says(server: smtplib.SMTP, words: Any) -> None:
            over.now = words == b".\r\n"
            said(server, words)

        def replied(server: smtplib.SMTP) -> Any:
            answer = reply(server)
            if getattr(over, "now", False):
                self._answered()
            return answer

        stripe.RequestsClient.request = asked  # type: ignore[method-assign,assignment]
        smtplib.SMTP.send, smtplib.SMTP.getreply = says, replied  # type: ignore[method-assign,assignment]

    def _answered(self) -> None:
        aim = _AIM.get()
        if aim and aim.step.through in _OUTSIDE and _IN_THE_PORT.get():
            self.reached(Moment.UNREAD)

    def _is_the_effect(self, connection: Connection) -> bool:
        aim = _AIM.get()
        if aim is None or aim.step.through in _OUTSIDE or (aim.step.port and not _IN_THE_PORT.get()):
            return False
        return aim.step.through is Through.NOTHING or bool(connection.exec_driver_sql(_WROTE).scalar_one())

    def watched(self, ports: Ports) -> Ports:
        """The same ports, each dying on the way into or out of its effect."""
        if not self._orders:
            return ports
        names = [field.name for field in fields(ports) if field.name != "now"]
        watched: dict[str, Any] = {name: _Watched(getattr(ports, name), name, self) for name in names}
        return replace(ports, **watched)

    def effect_committed(self) -> bool:
        """Whether the effect was committed in this thread since it was last asked."""
        done = getattr(self._committing, "done", False)
        self._committing.done = False
        return done


class _Watched:
    """A port whose calls pass the assassin; outside, only the calls that send something count."""

    def __init__(self, port: Any, name: str, assassin: Assassin) -> None:
        self._port, self._name, self._assassin = port, name, assassin

    def __getattr__(self, name: str) -> Any:
        method: Any = getattr(self._port, name)
        if not callable(method):
            return method

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            aim = _AIM.get()
            through = _OUTSIDE.get(aim.step.through) if aim else None
            wanted = (aim.step.port or through or self._name) if aim else ""
            if wanted != self._name or (through and name not in ("send", "deliver")):
                return method(*args, **kwargs)
            if through:
                self._assassin.reached(Moment.BEFORE)
            inside = _IN_THE_PORT.set(True)
            try:
                answer = method(*args, **kwargs)
            finally:
                _IN_THE_PORT.reset(inside)
            if through or self._assassin.effect_committed():
                self._assassin.reached(Moment.READ)
            return answer

        return call


class Aiming(Interceptor):
    """The outermost interceptor: marks the attempt that dies, and dies when its activity has returned."""

    def __init__(self, assassin: Assassin) -> None:
        self._assassin = assassin

    def intercept_activity(self, next: ActivityInboundInterceptor) -> ActivityInboundInterceptor:
        return _AimingAtActivity(next, self._assassin)


class _AimingAtActivity(ActivityInboundInterceptor):
    def __init__(self, next: ActivityInboundInterceptor, assassin: Assassin) -> None:
        super().__init__(next)
        self._assassin = assassin

    async def execute_activity(self, input: ExecuteActivityInput) -> Any:
        _AIM.set(self._assassin.aim(activity.info().activity_type, input.args[0]))
        result = await super().execute_activity(input)
        self._assassin.reached(Moment.RETURNED)
        return result


def _what_is_done(argument: object) -> str | None:
    """What tells the steps of one activity apart: the template of a letter, the name of a step of the ladder."""
    match argument:
        case LetterToCustomer() | LetterToOperators() | LetterToTenant() | Notice():
            return argument.payload.template
        case LadderStep():
            return argument.name
        case _:
            return None
