"""The register of disputes: opening a case once, finding its twins and patterns, and closing a round for good."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Row, and_, exists, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import IntegrityError

from activities.clock import Now, wall_clock
from activities.ports import Closing
from adapters.postgres import decisions
from adapters.postgres.engine import broken_rule, transaction
from adapters.postgres.invoices import lock_revisions
from adapters.postgres.tables import billing_corrections, dispute_rounds, disputes, findings, invoices
from billing.cases import Ending, OpenedCase, Opening, SimilarCase
from billing.clocks import Clock
from billing.disputes import Ticket
from billing.failures import BillingFailure, FailureCode

# Tickets that were never investigated: sent again, they are looked at again.
TURNED_AWAY = frozenset({Ending.DUPLICATE.value, Ending.NOT_ACCEPTED.value})
# Two tickets about the same thing in the same instant: the second look finds the first one's case.
LOOKS = 3
ONE_OPEN_CASE = "uq_disputes_open"
# A letter that names more cases is read by nobody, and every step of a case carries them.
SHOWN_OF_A_PATTERN = 20


class Cases:
    """Satisfies `CaseBook`."""

    def __init__(self, engine: Engine, now: Now = wall_clock) -> None:
        self._engine = engine
        self._now = now

    def register(self, opened: OpenedCase, opening: Opening) -> OpenedCase:
        for _ in range(LOOKS):
            with transaction(self._engine) as connection:
                if registered := _register(connection, opened, opening, self._now()):
                    return registered
        raise BillingFailure(FailureCode.UNAVAILABLE, f"{opened.case_id} is being opened and closed at the same moment")

    def similar_tenants(self, opening: Opening, since: datetime) -> int:
        others = select(func.count(disputes.c.tenant_id.distinct())).where(
            _contests_the_same(opening.ticket, since), disputes.c.tenant_id != opening.ticket.tenant_id
        )
        with transaction(self._engine) as connection:
            return 1 + int(connection.execute(others).scalar_one())

    def similar_cases(self, opening: Opening, since: datetime) -> tuple[SimilarCase, ...]:
        calm = disputes.c.ending.is_(None) & disputes.c.escalated.is_(False)
        others = (
            select(disputes.c.case_id, disputes.c.tenant_id, disputes.c.escalated, disputes.c.ending)
            .where(_contests_the_same(opening.ticket, since), disputes.c.ticket_id != opening.ticket.ticket_id)
            .order_by(calm.desc(), disputes.c.opened_at.desc(), disputes.c.case_id)
            .limit(SHOWN_OF_A_PATTERN)
        )
        with transaction(self._engine) as connection:
            return tuple(SimilarCase.model_validate(row._asdict()) for row in connection.execute(others))

    def defect_is_shared(self, case_id: str, since: datetime) -> bool:
        ours, theirs = findings.alias("ours"), findings.alias("theirs")
        same_elsewhere = exists().where(
            ours.c.case_id == case_id,
            theirs.c.kind == ours.c.kind,
            theirs.c.meter == ours.c.meter,
            theirs.c.tenant_id != ours.c.tenant_id,
            theirs.c.found_at >= since,
        )
        with transaction(self._engine) as connection:
            return bool(connection.execute(select(same_elsewhere)).scalar_one())

    def close(self, closing: Closing) -> None:
        """Raises NOT_FOUND without a case, CONFLICT for another round than the open one or another ending than the first."""
        if closing.ending is Ending.ALREADY_CLOSED:
            return
        now = self._now()
        with transaction(self._engine) as connection:
            case = _locked(connection, closing.case_id)
            if case is None:
                raise BillingFailure(FailureCode.NOT_FOUND, f"there is no case {closing.case_id}")
            if _closed_before(connection, closing):
                return
            if case.round != closing.round or case.ending is not None:
                raise BillingFailure(
                    FailureCode.CONFLICT,
                    f"{closing.case_id} is in round {case.round} ({case.ending or 'open'}), not in round {closing.round}",
                )
            _close(connection, case, closing, now)
            if case.invoice_id and closing.decision:
                _note_on_invoice(connection, case, closing)
            _record_correction(connection, case, closing, now)
            if closing.decision:
                decisions.append(connection, closing.decision.line(now), now)


def _contests_the_same(ticket: Ticket, since: datetime) -> ColumnElement[bool]:
    """Accepted cases since then about one of the ticket's meters in its category."""
    return and_(
        disputes.c.category == ticket.category.value,
        disputes.c.meters.overlap(list(ticket.meters)),
        disputes.c.opened_at >= since,
        disputes.c.ending.is_distinct_from(Ending.NOT_ACCEPTED.value),
    )


def _register(connection: Connection, opened: OpenedCase, opening: Opening, now: datetime) -> OpenedCase | None:
    """The registered case, or None when somebody else registered at the same moment and one must look again."""
    known = _locked(connection, opened.case_id)
    if known is None or known.ending in TURNED_AWAY:
        first = known.round if known else 1
        return _enter(connection, opened, opening, now, new=known is None, round_number=first, clocks=opened.clocks)
    clocks = tuple(Clock.model_validate(clock) for clock in known.clocks)
    as_known = opened.model_copy(update={"round": known.round, "clocks": clocks})
    if known.ending is None:
        return as_known
    if opening.reopening is None or known.reopening == opening.reopening.model_dump(mode="json"):
        return as_known.model_copy(update={"closed_as": Ending(known.ending)})
    carried = tuple(clock.reopened() for clock in clocks)
    return _enter(connection, opened, opening, now, new=False, round_number=known.round + 1, clocks=carried)


def _enter(
    connection: Connection,
    opened: OpenedCase,
    opening: Opening,
    now: datetime,
    *,
    new: bool,
    round_number: int,
    clocks: tuple[Clock, ...],
) -> OpenedCase | None:
    """Write the round down: open, or turned away at once when it has problems or an open twin; None: look again."""
    twin = None if opened.problems else _open_twin(connection, opened)
    ending = Ending.NOT_ACCEPTED if opened.problems else Ending.DUPLICATE if twin else None
    row = _row(opened, opening) | {
        "round": round_number,
        "clocks": [clock.model_dump(mode="json") for clock in clocks],
        "duplicate_of": twin,
        "ending": ending and ending.value,
        "closed_at": now if ending else None,
    }
    if not _written(connection, row, new=new):
        return None
    return opened.model_copy(update={"round": round_number, "clocks": clocks, "duplicate_of": twin})


def _written(connection: Connection, row: dict[str, Any], *, new: bool) -> bool:
    """Whether the row stands; False when another case took its place in the register first."""
    if new:
        return connection.execute(insert(disputes).values(row).on_conflict_do_nothing()).rowcount == 1
    try:
        with connection.begin_nested():
            connection.execute(update(disputes).where(disputes.c.case_id == row["case_id"]).values(row))
    except IntegrityError as failure:
        if broken_rule(failure) != ONE_OPEN_CASE:
            raise
        return False
    return True


def _row(opened: OpenedCase, opening: Opening) -> dict[str, Any]:
    ticket, reopening = opening.ticket, opening.reopening
    return {
        "case_id": opened.case_id,
        "ticket_id": ticket.ticket_id,
        "tenant_id": ticket.tenant_id,
        "period": ticket.period,
        "category": ticket.category.value,
        "meters": list(ticket.meters),
        "invoice_id": opened.invoice_id,
        "disputed_minor": ticket.disputed.minor,
        "currency": ticket.currency,
        "severity": opened.severity.value,
        "ticket": ticket.model_dump(mode="json"),
        "reopening": reopening and reopening.model_dump(mode="json"),
        "opened_at": reopening.opened_at if reopening else ticket.opened_at,
        "escalated": bool(opened.escalation_reasons),
        "resolution": None,
        "credited_minor": None,
        "resolved_by": None,
        "story": [],
    }


def _open_twin(connection: Connection, opened: OpenedCase) -> str | None:
    """Another open case about the same tenant, month, category and meters."""
    ticket = opened.ticket
    twin = select(disputes.c.case_id).where(
        disputes.c.tenant_id == ticket.tenant_id,
        disputes.c.period == ticket.period,
        disputes.c.category == ticket.category.value,
        disputes.c.meters == list(ticket.meters),
        disputes.c.ending.is_(None),
        disputes.c.case_id != opened.case_id,
    )
    return connection.execute(twin).scalar_one_or_none()


def _locked(connection: Connection, case_id: str) -> Row[Any] | None:
    this = select(disputes).where(disputes.c.case_id == case_id).with_for_update(key_share=True)
    return connection.execute(this).one_or_none()


def _closed_before(connection: Connection, closing: Closing) -> bool:
    """Whether this closing was recorded already; CONFLICT when the round ended otherwise."""
    this = (dispute_rounds.c.case_id == closing.case_id) & (dispute_rounds.c.round == closing.round)
    ending = connection.execute(select(dispute_rounds.c.ending).where(this)).scalar_one_or_none()
    if ending is not None and ending != closing.ending.value:
        raise BillingFailure(FailureCode.CONFLICT, f"round {closing.round} of {closing.case_id} ended as {ending}")
    return ending is not None


def _close(connection: Connection, case: Row[Any], closing: Closing, now: datetime) -> None:
    outcome = {
        "ending": closing.ending.value,
        "resolution": closing.resolution and closing.resolution.value,
        "credited_minor": None if closing.credited is None else closing.credited.minor,
        "resolved_by": closing.resolved_by,
        "clocks": [clock.model_dump(mode="json") for clock in closing.clocks],
        "story": list(closing.story),
        "closed_at": now,
    }
    finished = outcome | {
        "case_id": closing.case_id,
        "round": closing.round,
        "opened_at": case.opened_at,
        "currency": None if closing.credited is None else closing.credited.currency,
        "root_cause": closing.root_cause,
    }
    connection.execute(insert(dispute_rounds).values(finished))
    connection.execute(update(disputes).where(disputes.c.case_id == closing.case_id).values(outcome))


def _note_on_invoice(connection: Connection, case: Row[Any], closing: Closing) -> None:
    """A remark on the newest revision; the document itself stays as it was issued (D8)."""
    newest = lock_revisions(connection, case.invoice_id)[-1]
    credited = f", {closing.credited} credited" if closing.credited else ""
    note = f"Dispute {case.ticket_id}, round {closing.round}: {closing.ending}{credited}."
    remarks = "\n".join(filter(None, [newest["dispute_note"], note]))
    this = invoices.c.invoice_id == newest["invoice_id"]
    connection.execute(update(invoices).where(this).values(dispute_note=remarks))


def _record_correction(connection: Connection, case: Row[Any], closing: Closing, now: datetime) -> None:
    if not closing.credited:
        return
    correction = {
        "customer_id": case.tenant_id,
        "ticket_id": case.ticket_id,
        "round": closing.round,
        "issue_type": case.category,
        "credit_amount": closing.credited.minor,
        "currency": closing.credited.currency,
        "resolved_by": closing.resolved_by,
        "resolved_at": now,
        "notes": closing.root_cause,
    }
    connection.execute(insert(billing_corrections).values(correction))
