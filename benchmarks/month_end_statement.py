"""One hand-written statement that bills the planted month: the same rows as the real path, from the same roll-ups.

It knows more than it could in earnest: that every tenant has one contract for the whole month, one fee, three tiers a
meter, one percentage, tax, and has used every meter; and it checks nothing (holds, addresses, what is billed already).
"""

from __future__ import annotations

from sqlalchemy import text

from adapters.postgres.billing_runs.parties import OF_ENTITY, OF_TENANT, sha256_in_sql

ONE_STATEMENT = text(f"""
    with plan as materialized (
        select terms_id, terms -> 'fees' -> 0 ->> 'name' as fee_name,
            cast(terms -> 'fees' -> 0 ->> 'amount_minor' as bigint) as fee,
            terms -> 'discounts' -> 0 ->> 'name' as discount_name,
            cast(terms -> 'discounts' -> 0 ->> 'percent' as numeric) / 100 as share,
            terms -> 'tax' ->> 'name' as tax_name, cast(terms -> 'tax' ->> 'rate' as numeric) as rate
        from contract_terms
    ), price as materialized (
        select terms.terms_id, known.price_id, agreed.price ->> 'meter' as meter, meter.description, agreed.position,
            cast(agreed.price ->> 'included' as numeric) as included,
            cast(agreed.price -> 'tiers' -> 0 ->> 'up_to' as numeric) as first_end,
            cast(agreed.price -> 'tiers' -> 1 ->> 'up_to' as numeric) as second_end,
            cast(agreed.price -> 'tiers' -> 0 ->> 'unit_amount' as numeric) as first_amount,
            cast(agreed.price -> 'tiers' -> 1 ->> 'unit_amount' as numeric) as second_amount,
            cast(agreed.price -> 'tiers' -> 2 ->> 'unit_amount' as numeric) as third_amount
        from contract_terms as terms
        cross join jsonb_array_elements(terms.terms -> 'prices') with ordinality as agreed(price, position)
        join prices as known on known.price = agreed.price
        join meters as meter on meter.meter = agreed.price ->> 'meter'
    ), used as (
        select tenant_id, meter, sum(quantity) as quantity from usage_daily
        where day >= '2026-10-01' and day < '2026-11-01' group by tenant_id, meter
    ), charged as materialized (
        select contract.tenant_id, contract.terms_id, price.price_id, price.meter, price.description, price.position,
            used.quantity, cast(round(
                least(billable.units, first_end) * first_amount
                + greatest(least(billable.units, second_end) - first_end, 0) * second_amount
                + greatest(billable.units - second_end, 0) * third_amount
            ) as bigint) as amount
        from used
        join contracts as contract using (tenant_id)
        join price on price.terms_id = contract.terms_id and price.meter = used.meter
        cross join lateral (select greatest(used.quantity - price.included, 0) as units) as billable
    ), summed as (
        select tenant_id, terms_id, cast(sum(amount) as bigint) as charges, count(*) as meters,
            string_agg(meter || '|' || quantity || '|' || amount, chr(10)) as said
        from charged group by tenant_id, terms_id
    ), billed as materialized (
        select summed.tenant_id, 'inv-2026-10-' || summed.tenant_id as invoice_id, plan.*, summed.meters, summed.said,
            discounted.discount, taxed.tax, plan.fee + summed.charges - discounted.discount + taxed.tax as total,
            'INV-2026-' || lpad(cast(row_number() over (order by summed.tenant_id) as text), 6, '0') as number
        from summed join plan using (terms_id)
        cross join lateral (select cast(round((plan.fee + charges) * plan.share) as bigint) as discount) as discounted
        cross join lateral (
            select cast(round((plan.fee + charges - discount) * plan.rate) as bigint) as tax
        ) as taxed
    ), issuer as materialized (
        select party.party_id from legal_entities as entity join parties as party on party.sha256 = {sha256_in_sql(OF_ENTITY)}
    ), new_invoices as (
        insert into invoices (
            invoice_id, number, tenant_id, period, status, currency, total_minor, issued_at, run_id, legal_entity_id,
            service_start, service_end, billed_by, billed_to
        )
        select billed.invoice_id, billed.number, billed.tenant_id, '2026-10', 'open', 'USD', billed.total, :now, :run_id,
            'main', '2026-10-01', '2026-11-01', issuer.party_id, party.party_id
        from billed cross join issuer
        join tenants as tenant on tenant.tenant_id = billed.tenant_id
        join parties as party on party.sha256 = {sha256_in_sql(OF_TENANT)}
    ), new_lines as (
        insert into invoice_lines (
            invoice_id, number, description, meter, quantity, amount_minor, kind, price_id, service_start, service_end,
            active_days, period_days, rate
        )
        select invoice_id, 1, fee_name, null, 1, fee, 'fee', cast(null as bigint), date '2026-10-01', date '2026-11-01', 31,
            31, cast(null as numeric)
        from billed
        union all
        select 'inv-2026-10-' || tenant_id, 1 + position, description, meter, quantity, amount, 'usage', price_id,
            date '2026-10-01', date '2026-11-01', 31, 31, null
        from charged
        union all
        select invoice_id, 2 + meters, discount_name, null, 1, -discount, 'discount', null, null, null, null, null, share
        from billed
        union all
        select invoice_id, 3 + meters, tax_name, null, 1, tax, 'tax', null, null, null, null, null, rate from billed
    ), new_entries as (
        insert into run_entries (run_id, tenant_id, outcome, currency, total_minor, lines, invoice_id, digest)
        select :run_id, tenant_id, 'rated', 'USD', total, 3 + meters, invoice_id,
            encode(sha256(convert_to(fee_name || fee || said || discount || tax, 'UTF8')), 'hex')
        from billed
    ), new_effects as (
        insert into effects (op_key, kind, case_id, tenant_id, state, request, request_sha256, intended_at)
        select 'month-end/2026-10/invoice/' || tenant_id, 'invoice', 'month-end/2026-10', tenant_id, 'intended',
            cast(request as jsonb), encode(sha256(convert_to(request, 'UTF8')), 'hex'), :now
        from billed cross join lateral (
            select '{{"currency":"USD","due_minor":' || total || ',"invoice_id":"' || invoice_id
                || '","total_minor":' || total || '}}' as request
        ) as asked
    )
    insert into number_series (series, last) select 'INV-2026', count(*) from billed
""")
