"""Plans on record: made, proposed to people, begun once they approved exactly this one, and closed with how they ended."""

from __future__ import annotations

from sqlalchemy import Connection, Engine, func, insert, select, text, update

from activities.clock import Now, wall_clock
from activities.ports import Heartbeat
from adapters.document_files import DocumentFiles
from adapters.postgres.credit_limits import answers
from adapters.postgres.effects import read_effect
from adapters.postgres.engine import transaction
from adapters.postgres.evidence.pulse import Pulse
from adapters.postgres.retention import counting
from adapters.postgres.retention.shelf import PlanShelf, known_plan, plan_of
from adapters.postgres.tables import effects, retention_plans
from billing.effects import EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from billing.policy.retention import RetentionPolicy
from billing.retention import (
    Ending,
    PlanOnRecord,
    PlanState,
    Purge,
    PurgeOrder,
    PurgePlan,
    drift,
)

# One purge begins after the other. Any number that no other advisory lock uses.
_BEGINNING = 7246115
_SHOWN = 5

# An old document that has no parties of its own prints its customer's name from the account: the name is kept with it
# before it goes there, as it has been printed (jsonb writes equal content the same way).
_KEEP_NAMES = text("""
    with nameless as (
        select distinct tenant.tenant_id, jsonb_build_object('name', tenant.name, 'address', '') as party
        from tenants as tenant join invoices as invoice using (tenant_id)
        where tenant.tenant_id = any(:tenants) and invoice.billed_to is null and invoice.status <> 'draft'
    ), hashed as (
        select tenant_id, party, encode(sha256(convert_to(party::text, 'UTF8')), 'hex') as sha256 from nameless
    ), added as (
        insert into parties (sha256, party) select distinct sha256, party from hashed
        on conflict (sha256) do nothing returning party_id, sha256
    ), known as (
        select party_id, sha256 from added
        union select party_id, sha256 from parties where sha256 in (select sha256 from hashed)
    )
    update invoices as invoice set billed_to = known.party_id
    from hashed join known using (sha256)
    where invoice.tenant_id = hashed.tenant_id and invoice.billed_to is null and invoice.status <> 'draft'
""")


class RetentionPlans(PlanShelf):
    """Satisfies `RetentionBook` as far as it is about plans."""

    def __init__(self, engine: Engine, documents: DocumentFiles, now: Now = wall_clock) -> None:
        super().__init__(engine, documents)
        self._now = now

    def plan(self, order: PurgeOrder, policy: RetentionPolicy, heartbeat: Heartbeat) -> PlanOnRecord:
        with counting.patiently(self._engine, heartbeat, "counting what would go") as (connection, pulse):
            if known := plan_of(connection, order.plan_id):
                return known
            as_of = self._now()
            made = counting.plan(connection, pulse, as_of, as_of - policy.usage_kept_for, policy.version)
            row = {
                "plan_id": order.plan_id,
                "plan": made.canonical(),
                "sha256": made.sha256(),
                "requested_by": order.requested_by,
                "planned_at": as_of,
            }
            connection.execute(insert(retention_plans).values(row))
            return known_plan(connection, order.plan_id)

    def propose(self, purge: Purge) -> str:
        row = {
            "op_key": purge.op_key,
            "kind": EffectKind.RETENTION_PURGE.value,
            "case_id": f"retention/{purge.plan_id}",
            "state": EffectState.PROPOSED.value,
            "request": purge.model_dump(mode="json"),
            "request_sha256": purge.sha256(),
            "path": [role.value for role in purge.path],
            "intended_at": self._now(),
        }
        with transaction(self._engine) as connection:
            known = connection.execute(
                select(effects.c.request_sha256).where(effects.c.op_key == purge.op_key)
            ).scalar_one_or_none()
            if known is None:
                connection.execute(insert(effects).values(row))
            elif known != purge.sha256():
                raise BillingFailure(FailureCode.CONFLICT, f"{purge.op_key} was confirmed by somebody else already")
        return purge.op_key

    def begin(self, plan_id: str, heartbeat: Heartbeat) -> tuple[str, ...]:
        with counting.patiently(self._engine, heartbeat, "planning once more") as (connection, pulse):
            connection.execute(select(func.pg_advisory_xact_lock(_BEGINNING)))
            planned = known_plan(connection, plan_id)
            if planned.state is not PlanState.PLANNED:
                return planned.plan.tenants
            _alone(connection)
            self._approved_by_people(connection, planned)
            _still_true(connection, pulse, planned.plan)
            connection.execute(_KEEP_NAMES, {"tenants": list(planned.plan.tenants)})
            connection.execute(select(func.begin_retention(plan_id)))
            confirmed = {"state": EffectState.CONFIRMED.value, "provider_id": plan_id}
            connection.execute(update(effects).where(effects.c.op_key == _op_key(plan_id)).values(confirmed))
            return planned.plan.tenants

    def close(self, plan_id: str, ending: Ending) -> None:
        with transaction(self._engine) as connection:
            this = retention_plans.c.plan_id == plan_id
            connection.execute(update(retention_plans).where(this).values(ending=ending.value))

    def _approved_by_people(self, connection: Connection, planned: PlanOnRecord) -> None:
        """The signatures once more, as they prove themselves; raises NOT_APPROVED."""
        effect = read_effect(connection, _op_key(planned.plan_id), lock=True)
        purge = Purge.model_validate(effect.request)
        if purge.sha256() != effect.request_sha256 or purge.plan_sha256 != planned.sha256:
            raise BillingFailure(
                FailureCode.NOT_APPROVED, f"{effect.op_key} is about another plan than {planned.sha256}"
            )
        if missing := len(purge.path) - len(answers(connection, effect)):
            raise BillingFailure(FailureCode.NOT_APPROVED, f"{effect.op_key} still needs {missing} approvals")


def _alone(connection: Connection) -> None:
    """Purges follow one another; raises UNAVAILABLE while another one deletes."""
    other = select(retention_plans.c.plan_id).where(retention_plans.c.state == PlanState.EXECUTING.value)
    if plan_id := connection.execute(other).scalar_one_or_none():
        raise BillingFailure(FailureCode.UNAVAILABLE, f"plan {plan_id} is being carried out: this one waits for it")


def _still_true(connection: Connection, pulse: Pulse, planned: PurgePlan) -> None:
    """Plan once more as of the same moment; raises STALE_DECISION with what would be deleted otherwise."""
    now = counting.plan(connection, pulse, planned.as_of, planned.usage_before, planned.policy)
    differences = drift(planned, now)
    if not differences:
        return
    more = f", and {len(differences) - _SHOWN} more" if len(differences) > _SHOWN else ""
    raise BillingFailure(FailureCode.STALE_DECISION, "; ".join(differences[:_SHOWN]) + more)


def _op_key(plan_id: str) -> str:
    return f"retention/{plan_id}/purge"
