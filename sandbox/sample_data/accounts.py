"""The things that stand before any usage: tenants, meters, contracts, keys, recorded outages, months to keep usage in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import Connection, insert, select

from adapters.postgres.partitions import make_months
from adapters.postgres.tables import legal_entities, meters, outages, tenants, usage_caps
from adapters.postgres.tenants import record_contracts
from billing.tenants import Tenant, Tier
from sandbox.sample_data.catalogue import METERS, contract_of
from sandbox.sample_data.defects import OUTAGES
from sandbox.sample_data.keys import issue_keys
from sandbox.sample_data.month_end import AMERICA, EUROPE, address_of, issuer_of, october_contracts
from sandbox.sample_data.roster import ROSTER
from sandbox.sample_data.streams import FIRST_DAY, LAST_DAY, Stream
from sandbox.sample_data.writing import insert_new

# Their usage of November is beyond 120 and 150 % of what the plan includes.
HELD_TO_THEIR_PLAN = ("birchhollow", "brackenfield")
_AGREED_AT = datetime(2026, 1, 1, tzinfo=UTC)


def open_accounts(connection: Connection, streams: Sequence[Stream]) -> None:
    """Write them all; what is there already stays."""
    # East of Greenwich a month begins in the UTC month before; the sandbox lives on for some weeks after the last day.
    make_months(connection, FIRST_DAY - timedelta(days=1), LAST_DAY + timedelta(days=62))
    insert_new(connection, legal_entities, [asdict(entity) for entity in (EUROPE, AMERICA)])
    insert_new(connection, tenants, [_account(tenant) for tenant in ROSTER])
    insert_new(
        connection,
        meters,
        [{"meter": meter.name, "unit": meter.unit, "description": meter.label} for meter in METERS.values()],
    )
    for tenant in ROSTER:
        # One after the other: until another contract begins, the list holds.
        later = october_contracts(tenant)
        before = contract_of(tenant, until=later[0].starts if later else None)
        record_contracts(connection, [before, *later])
    _lift_caps(connection)
    issue_keys(connection, streams)
    insert_new(
        connection,
        outages,
        [
            {
                "outage_id": outage.outage_id,
                "meter": outage.meter,
                "started_at": outage.starts,
                "ended_at": outage.ends,
                "summary": outage.summary,
            }
            for outage in OUTAGES
        ],
    )


def _lift_caps(connection: Connection) -> None:
    """Most who pay for a plan pay for what exceeds it too; a few do not, and are limited at their plan's end."""
    if connection.execute(select(usage_caps.c.cap_id).limit(1)).first() is not None:
        return
    agreed = {"cap": None, "reason": "Pays for what exceeds its plan.", "by": "lead-1@ops.example", "at": _AGREED_AT}
    rows = [
        {"tenant_id": tenant.tenant_id, "meter": meter, **agreed}
        for tenant in ROSTER
        if tenant.tier is Tier.PRO and tenant.tenant_id not in HELD_TO_THEIR_PLAN
        for meter in sorted(contract_of(tenant).terms.meters)
    ]
    connection.execute(insert(usage_caps), rows)


def _account(tenant: Tenant) -> dict[str, Any]:
    """The tenant's row; who is invoiced on receipt pays without a card."""
    return tenant.model_dump() | {
        "legal_entity_id": issuer_of(tenant).entity_id,
        "address": address_of(tenant),
        "collection": "send_invoice" if tenant.tier is Tier.ENTERPRISE else "charge_automatically",
    }
