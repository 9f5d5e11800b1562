"""Finance's word about a month end: frozen reports as proposals, and the last look before documents are issued.

A report that passes by itself leaves no row here. One that does not is released only by the signatures on exactly the
report that stands in the books at that moment, read and verified once more.
"""

from __future__ import annotations

from sqlalchemy import Connection, Engine, insert, select, update

from activities.clock import Now, wall_clock
from adapters.postgres.credit_limits import answers
from adapters.postgres.credits import withdraw_effect
from adapters.postgres.effects import read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.tables import billing_runs, effects
from billing.corrections import sha256_of
from billing.effects import Effect, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.policy.month_end import MonthEndPolicy
from billing.run_reports import RunReport, RunReview, review_reasons

_ANSWERED = (EffectState.INTENDED.value, EffectState.CONFIRMED.value)


class PostgresRunReviews:
    """Satisfies `RunReviews`."""

    def __init__(self, engine: Engine, now: Now = wall_clock) -> None:
        self._engine = engine
        self._now = now

    def propose(self, review: RunReview) -> RunReview:
        with transaction(self._engine) as connection:
            _lock_run(connection, review.report.run_id)
            frozen = select(effects.c.request).where(effects.c.op_key == review.op_key)
            if request := connection.execute(frozen).scalar_one_or_none():
                return RunReview.model_validate(request)
            for op_key in _of_run(connection, review.report.run_id, (EffectState.PROPOSED.value,)):
                withdraw_effect(connection, op_key, f"replaced by {review.op_key}")
            row = {
                "op_key": review.op_key,
                "kind": EffectKind.INVOICE_RUN.value,
                "case_id": review.case_id,
                "state": EffectState.PROPOSED.value,
                "request": review.model_dump(mode="json"),
                "request_sha256": review.sha256(),
                "path": [role.value for role in review.path],
                "intended_at": self._now(),
            }
            connection.execute(insert(effects).values(row))
        return review

    def withdraw(self, op_key: str, why: str) -> None:
        with transaction(self._engine) as connection:
            if read_effect(connection, op_key, lock=True).state is EffectState.PROPOSED:
                withdraw_effect(connection, op_key, why)

    def release(self, run_id: str, report: RunReport) -> None:
        with transaction(self._engine) as connection:
            reasons = review_reasons(report, _lock_run(connection, run_id))
            if not reasons:
                return
            approved = _of_run(connection, run_id, _ANSWERED)
            if not approved:
                raise BillingFailure(
                    FailureCode.NOT_APPROVED, f"run {run_id} needs a review that nobody has approved: {reasons[0]}"
                )
            effect = read_effect(connection, approved[-1], lock=True)
            _covers(connection, effect, report)
            confirmed = {"state": EffectState.CONFIRMED.value, "provider_id": run_id}
            connection.execute(update(effects).where(effects.c.op_key == effect.op_key).values(confirmed))


def _covers(connection: Connection, effect: Effect, report: RunReport) -> None:
    review = RunReview.model_validate(effect.request)
    if sha256_of(effect.request) != effect.request_sha256:
        raise BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} was changed after it was frozen")
    if missing := len(review.path) - len(answers(connection, effect)):
        raise BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} still needs {missing} approvals")
    if review.report.digest != report.digest:
        raise BillingFailure(
            FailureCode.STALE_DECISION,
            f"the drafts of {report.run_id} are not those that were approved: review them again",
        )


def _lock_run(connection: Connection, run_id: str) -> MonthEndPolicy:
    """Let one decision about this run happen after the other; answers the policy it was opened with."""
    run = select(billing_runs.c.policy).where(billing_runs.c.run_id == run_id).with_for_update(key_share=True)
    policy = connection.execute(run).scalar_one_or_none()
    if policy is None:
        raise BillingFailure(FailureCode.NOT_FOUND, f"there is no run {run_id}")
    return MonthEndPolicy.model_validate(policy)


def _of_run(connection: Connection, run_id: str, states: tuple[str, ...]) -> list[str]:
    """The run's reviews in these states, in the order in which they were proposed."""
    reviews = (
        select(effects.c.op_key)
        .where(effects.c.kind == EffectKind.INVOICE_RUN.value, effects.c.state.in_(states))
        .where(effects.c.request["report"]["run_id"].astext == run_id)
        .order_by(effects.c.intended_at, effects.c.op_key)
    )
    return list(connection.execute(reviews).scalars())
