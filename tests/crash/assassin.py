"""How a worker dies at a chosen moment, with production code as it is: wrapped ports, hooked commits, an interceptor."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import fields, replace
from functools import wraps
from typing import Any

from sqlalchemy import Connection, Engine, event
from temporalio import activity
from temporalio.worker import ActivityInboundInterceptor, ExecuteActivityInput, Interceptor

from activities.binding import Ports
from activities.letters import LetterToCustomer, LetterToOperators
from tests.crash.plan import Kill, Moment, Through

_IN_THE_STEP: ContextVar[bool] = ContextVar("in the step", default=False)
_WROTE = "select pg_current_xact_id_if_assigned() is not null"


class Assassin:
    """Kills its own process, once; without an order it lets everything pass."""

    def __init__(self, order: Kill | None) -> None:
        self._order = order if order and not order.by_parent else None
        self._committing = threading.local()

    def aims_at(self, activity_type: str, argument: object) -> bool:
        """Whether this attempt is the one that dies."""
        if self._order is None or activity_type != self._order.step.activity:
            return False
        wanted = self._order.step.template
        if not wanted:
            return True
        return isinstance(argument, LetterToCustomer | LetterToOperators) and argument.payload.template == wanted

    def reached(self, moment: Moment) -> None:
        """Die here if this is the moment: nothing is flushed, closed or said goodbye to."""
        if self._order and self._order.moment is moment and _IN_THE_STEP.get():
            os.kill(os.getpid(), signal.SIGKILL)

    def watch_commits(self, engine: Engine) -> None:
        """Catch BEFORE and UNREAD around the COMMIT of a step whose effect is in Postgres, or that only reads."""
        if self._order is None or self._order.step.through not in (Through.POSTGRES, Through.NOTHING):
            return
        commit = engine.dialect.do_commit

        @event.listens_for(engine, "commit")
        def about_to_commit(connection: Connection) -> None:
            self._committing.counts = _IN_THE_STEP.get() and self._is_the_effect(connection)
            if self._committing.counts:
                self.reached(Moment.BEFORE)

        def committed(connection: Any) -> None:
            commit(connection)
            if getattr(self._committing, "counts", False):
                self.reached(Moment.UNREAD)
                self._committing.done = True

        engine.dialect.do_commit = committed  # type: ignore[method-assign,assignment]

    def _is_the_effect(self, connection: Connection) -> bool:
        if self._order and self._order.step.through is Through.NOTHING:
            return True
        return bool(connection.exec_driver_sql(_WROTE).scalar_one())

    def watched(self, ports: Ports) -> Ports:
        """The same ports, each dying on the way into or out of its effect."""
        if self._order is None:
            return ports
        outside = {Through.STRIPE: "provider", Through.MAIL: "postman"}.get(self._order.step.through)
        names = [outside] if outside else [field.name for field in fields(ports) if field.name != "now"]
        watched: dict[str, Any] = {name: _Watched(getattr(ports, name), self, bool(outside)) for name in names}
        return replace(ports, **watched)

    def effect_committed(self) -> bool:
        """Whether the effect was committed in this thread since it was last asked."""
        done = getattr(self._committing, "done", False)
        self._committing.done = False
        return done


class _Watched:
    """A port whose calls pass the assassin; outside, only the calls that send something count."""

    def __init__(self, port: Any, assassin: Assassin, outside: bool) -> None:
        self._port, self._assassin, self._outside = port, assassin, outside

    def __getattr__(self, name: str) -> Any:
        method: Callable[..., Any] = getattr(self._port, name)
        if self._outside and name not in ("send", "deliver"):
            return method

        @wraps(method)
        def call(*args: Any, **kwargs: Any) -> Any:
            if self._outside:
                self._assassin.reached(Moment.BEFORE)
            answer = method(*args, **kwargs)
            if self._outside or self._assassin.effect_committed():
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
        _IN_THE_STEP.set(self._assassin.aims_at(activity.info().activity_type, input.args[0]))
        result = await super().execute_activity(input)
        self._assassin.reached(Moment.RETURNED)
        return result
