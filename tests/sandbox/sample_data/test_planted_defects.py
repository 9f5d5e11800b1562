"""What is wrong in the sample data is there, and is worth what the list of defects says."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from billing.findings import FindingKind
from billing.policy.standard import STANDARD
from billing.rating import rate
from sandbox.sample_data.defects import (
    DEFECTS,
    NIGHT_KEY,
    NIGHT_NETWORK,
    REPORTED_AT,
    ROLLED_UP_WITH_WRONG_CLOCK,
    STOLEN_KEY,
    STRANGE_NETWORK,
    Defect,
)
from sandbox.sample_data.roster import TENANTS
from sandbox.sample_data.streams import SAMPLED_BY_CELL_3
from tests.sandbox.sample_data.audit import Audit, period


def planted(*kinds: FindingKind) -> list[Defect]:
    return [defect for defect in DEFECTS if defect.kind in kinds]


def by_name(defect: Defect) -> str:
    return f"{defect.code}-{defect.tenant_id}"


@pytest.mark.parametrize("defect", planted(FindingKind.DUPLICATE_EVENTS), ids=by_name)
def test_events_that_came_twice_are_worth_what_is_documented(audit: Audit, defect: Defect) -> None:
    repeated = audit.repeated(defect.tenant_id, defect.meter)

    assert audit.worth(defect.tenant_id, defect.meter, repeated) == defect.credit_minor


@pytest.mark.parametrize("tenant_id", ["quillmere", "tarnwick"])
def test_the_two_enterprises_stay_within_what_the_runbook_may_credit_alone(tenant_id: str) -> None:
    (defect,) = [defect for defect in DEFECTS if defect.tenant_id == tenant_id]

    assert 20_00 <= defect.credit_minor <= 49_00


def test_a_shared_defect_hits_exactly_the_tenants_of_one_sampler(audit: Audit) -> None:
    hit = audit.rows(
        "select distinct tenant_id, tool from usage_events where meter = 'storage_gb_hours' "
        "group by tenant_id, tool, trace_id having count(*) > 1"
    )

    assert sorted(hit) == sorted((tenant, "sampler-cell-3") for tenant in SAMPLED_BY_CELL_3)
    assert len(hit) >= STANDARD.disputes.pattern_tenants


def test_some_served_requests_were_never_counted(audit: Audit) -> None:
    requests, quantity = audit.rows(
        "select count(*), sum(quantity) from request_logs as request "
        "where tenant_id = 'feldmarkt' and status < 400 and requested_at >= %s and requested_at < %s "
        "and not exists (select from usage_events as event where event.trace_id = request.trace_id)",
        *period("feldmarkt"),
    )[0]

    assert requests == 11
    assert quantity == Decimal("865.012")


def test_the_hours_in_breach_give_a_quarter_of_the_charge_back(audit: Audit) -> None:
    (defect,) = planted(FindingKind.QUALITY_BREACH)
    promised = STANDARD.quality.thresholds[TENANTS[defect.tenant_id].tier]
    hours = audit.one(
        "select count(*) from (select from request_logs where tenant_id = %s and meter = %s"
        "  and requested_at >= %s and requested_at < %s group by date_trunc('hour', requested_at)"
        "  having count(*) >= %s and (count(*) filter (where status >= 500) > %s * count(*)"
        "  or percentile_disc(0.95) within group (order by latency_ms) > %s)) as breached",
        defect.tenant_id,
        defect.meter,
        *period(defect.tenant_id),
        STANDARD.quality.minimum_requests,
        promised.error_rate,
        promised.p95_ms,
    )
    starts, ends = period(defect.tenant_id)
    share = STANDARD.quality.share_for(Decimal(hours) / ((ends - starts) // timedelta(hours=1)))

    assert hours == 12
    assert share == Decimal("0.25")
    assert audit.line(defect.tenant_id, defect.meter).amount_minor * share == defect.credit_minor
    assert 510_00 <= defect.credit_minor <= 900_00


def test_the_stolen_key_was_guessed_at_used_at_night_from_a_new_network_and_reported(audit: Audit) -> None:
    (defect,) = planted(FindingKind.COMPROMISED_KEY)
    use = "from usage_events as event join request_logs as request using (trace_id) where request.network = %s"
    (stolen,) = audit.rows(f"select sum(event.quantity), min(event_time), max(event_time) {use}", STRANGE_NETWORK)
    at_day = audit.one(
        "select count(*) from request_logs where network = %s "
        "and extract(hour from requested_at at time zone 'America/Denver') between 6 and 21",
        STRANGE_NETWORK,
    )
    guesses = audit.one(
        "select count(*) from authentication_logs where network = %s and api_key_id = %s and not succeeded",
        STRANGE_NETWORK,
        STOLEN_KEY,
    )

    quantity, first, last = stolen
    assert audit.worth(defect.tenant_id, defect.meter, quantity) == defect.credit_minor
    assert 350_00 <= defect.credit_minor <= 480_00
    assert at_day == 0
    assert guesses > STANDARD.usage.failed_authentications
    assert period(defect.tenant_id)[0] < first < last < REPORTED_AT
    assert audit.one("select reported_compromised_at from api_keys where api_key_id = %s", STOLEN_KEY) == REPORTED_AT


def test_the_second_network_is_odd_but_not_new_and_brings_the_claim_above_a_thousand(audit: Audit) -> None:
    (defect,) = planted(FindingKind.COMPROMISED_KEY)
    use = "from usage_events as event join request_logs as request using (trace_id) where request.network = any(%s)"
    starts, ends = period(defect.tenant_id)
    both = audit.one(
        f"select sum(event.quantity) {use} and event_time >= %s and event_time < %s",
        [STRANGE_NETWORK, NIGHT_NETWORK],
        starts,
        ends,
    )
    keys, first = audit.rows(f"select array_agg(distinct event.api_key_id), min(event_time) {use}", [NIGHT_NETWORK])[0]

    assert 1_100_00 < audit.worth(defect.tenant_id, defect.meter, both) < 1_200_00
    assert keys == [NIGHT_KEY]
    assert first < starts - timedelta(days=STANDARD.usage.baseline_days)


def test_the_wrong_tiers_price_costs_the_customer_what_is_documented(audit: Audit) -> None:
    (defect,) = planted(FindingKind.WRONG_RATE)
    line, agreed = audit.line(defect.tenant_id, defect.meter), audit.agreed_price(defect.tenant_id, defect.meter)

    assert line.applied_price != agreed
    assert line.amount_minor - rate(agreed, line.quantity) == defect.credit_minor


def test_the_wrong_clock_lost_an_hour_of_25_october_and_took_one_from_november(audit: Audit) -> None:
    (defect,) = planted(FindingKind.MISDATED_EVENTS)
    windows = audit.rows(
        "select day::text, window_start, window_end from usage_daily where tenant_id = %s and meter = %s "
        "and day between '2026-10-24' and '2026-11-01' order by day",
        defect.tenant_id,
        defect.meter,
    )
    covered = {day: (f"{starts:%dT%H}", f"{ends:%dT%H}") for day, starts, ends in windows}

    assert covered["2026-10-24"] == ("24T04", "25T04")
    assert covered["2026-10-25"] == ("25T05", "26T05")
    assert covered["2026-10-31"] == ("31T05", "01T05")
    assert covered["2026-11-01"] == ("01T05", "02T05")
    assert {TENANTS[tenant].zone for tenant in ROLLED_UP_WITH_WRONG_CLOCK} == {"America/New_York"}


def test_the_hour_taken_from_november_is_worth_what_is_documented(audit: Audit) -> None:
    (defect,) = planted(FindingKind.MISDATED_EVENTS)
    billed = audit.line(defect.tenant_id, defect.meter).quantity

    excess = billed - audit.raw(defect.tenant_id, defect.meter)

    assert excess > 0
    assert audit.worth(defect.tenant_id, defect.meter, excess) == defect.credit_minor
