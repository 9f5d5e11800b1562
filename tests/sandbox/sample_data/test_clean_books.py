"""Whatever is not planted is right: raw events, roll-ups, invoices and the request log agree to the last unit."""

from __future__ import annotations

from billing.policy.standard import STANDARD
from billing.rating import rate
from sandbox.sample_data.defects import DEFECTS, RATED_AS, ROLLED_UP_WITH_WRONG_CLOCK
from sandbox.sample_data.invoicing import CLOSED_MONTHS, invoiced_in
from sandbox.sample_data.roster import ROSTER, TENANTS
from tests.sandbox.sample_data.audit import Audit, period

DEFECTIVE = {(defect.tenant_id, defect.meter) for defect in DEFECTS}
IN_BREACH = {defect.tenant_id for defect in DEFECTS if defect.kind == "quality_breach"}

# The raw total of each tenant, meter and local day beside the stored one.
BY_DAY = """
    select tenant_id, meter, coalesce(daily.day, raw.day), raw.quantity, daily.quantity, daily.window_start
    from usage_daily as daily full join (
        select event.tenant_id, meter, cast(event_time at time zone zone as date) as day, sum(quantity) as quantity
        from usage_events as event join tenants using (tenant_id) group by 1, 2, 3
    ) as raw using (tenant_id, meter, day)
    where coalesce(raw.quantity, 0) <> coalesce(daily.quantity, 0)
"""


def test_every_roll_up_is_the_sum_of_its_local_day_but_for_new_york(audit: Audit) -> None:
    wrong = audit.rows(BY_DAY)

    assert {tenant for tenant, *_ in wrong} <= set(ROLLED_UP_WITH_WRONG_CLOCK)
    assert all(f"{day}" >= "2026-10-25" for _, _, day, *_ in wrong)


def test_every_window_is_a_local_day_but_for_new_york(audit: Audit) -> None:
    odd = audit.rows(
        "select distinct tenant_id from usage_daily join tenants using (tenant_id) "
        "where window_start <> cast(day as timestamp) at time zone zone "
        "or window_end <> cast(day + 1 as timestamp) at time zone zone"
    )

    assert {tenant for (tenant,) in odd} == set(ROLLED_UP_WITH_WRONG_CLOCK)


def test_every_invoice_bills_the_raw_usage_of_the_tenants_own_month_but_for_new_york(audit: Audit) -> None:
    lines = audit.rows(
        "select tenant_id, period, meter, quantity from invoice_lines join invoices using (invoice_id) "
        "where meter is not null"
    )

    wrong = {(tenant, month) for tenant, month, meter, quantity in lines if quantity != audit.raw(tenant, meter, month)}

    assert len(lines) > 120
    assert {tenant for tenant, _ in wrong} <= set(ROLLED_UP_WITH_WRONG_CLOCK)
    assert {month for _, month in wrong} == {"2026-10"}


def test_every_line_is_rated_at_the_contracts_price_but_for_the_planted_one(audit: Audit) -> None:
    wrong = set()
    for tenant in ROSTER:
        for month in CLOSED_MONTHS:
            meters = audit.rows(
                "select meter from invoice_lines join invoices using (invoice_id) "
                "where tenant_id = %s and period = %s and meter is not null",
                tenant.tenant_id,
                month,
            )
            for (meter,) in meters:
                line, price = audit.line(tenant.tenant_id, meter, month), audit.agreed_price(tenant.tenant_id, meter)
                if line.applied_price != price or line.amount_minor != rate(price, line.quantity):
                    wrong.add((tenant.tenant_id, month, meter))

    assert wrong == set(RATED_AS)


def test_the_lines_of_every_invoice_sum_to_its_total(audit: Audit) -> None:
    wrong = audit.rows(
        "select invoice_id from invoices join invoice_lines using (invoice_id) "
        "group by invoice_id having sum(amount_minor) <> total_minor"
    )

    assert wrong == []


def test_numbers_are_gapless_in_each_month(audit: Audit) -> None:
    numbers = [number for (number,) in audit.rows("select number from invoices order by number")]

    assert numbers == [f"INV-{month}-{n:04}" for month in CLOSED_MONTHS for n in range(1, len(invoiced_in(month)) + 1)]


def test_no_event_came_twice_outside_the_planted_meters(audit: Audit) -> None:
    repeated = audit.rows(
        "select distinct tenant_id, meter from usage_events "
        "group by tenant_id, meter, trace_id, quantity, event_time having count(*) > 1"
    )

    assert set(repeated) == {
        (defect.tenant_id, defect.meter) for defect in DEFECTS if defect.kind == "duplicate_events"
    }


def test_every_served_request_was_counted_but_for_the_planted_ones(audit: Audit) -> None:
    uncounted = audit.rows(
        "select distinct tenant_id, meter from request_logs as request where status < 400 and not exists ("
        "  select from usage_events as event where event.trace_id = request.trace_id"
        "  and event.meter = request.meter and event_time = requested_at and event.quantity = request.quantity)"
    )
    for_nothing = audit.one("select count(*) from request_logs where status >= 400 and quantity <> 0")

    assert uncounted == [("feldmarkt", "gpu_seconds")]
    assert for_nothing == 0


def test_the_service_kept_its_promise_to_everybody_but_one(audit: Audit) -> None:
    hours = audit.rows(
        "select tenant_id, count(*), count(*) filter (where status >= 500),"
        "  percentile_disc(0.95) within group (order by latency_ms),"
        "  percentile_disc(0.99) within group (order by latency_ms) "
        "from request_logs group by tenant_id, date_trunc('hour', requested_at) having count(*) >= %s",
        STANDARD.quality.minimum_requests,
    )

    def broken(tenant_id: str, requests: int, errors: int, p95: int, p99: int) -> bool:
        promised = STANDARD.quality.thresholds[TENANTS[tenant_id].tier]
        return errors > promised.error_rate * requests or p95 > promised.p95_ms or p99 > promised.p99_ms

    assert {hour[0] for hour in hours if broken(*hour)} == IN_BREACH


def test_the_bill_of_the_customer_who_is_wrong_is_right(audit: Audit) -> None:
    line = audit.line("kumosora", "tokens_out")

    assert ("kumosora", "tokens_out") not in DEFECTIVE
    assert line.quantity == audit.raw("kumosora", "tokens_out")
    assert audit.repeated("kumosora", "tokens_out") == 0
    assert period("kumosora")[0].isoformat() == "2026-09-30T15:00:00+00:00"
