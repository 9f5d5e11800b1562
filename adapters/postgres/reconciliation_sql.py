"""The comparison in SQL: the rule of `billing.reconciliation`, asked of a whole period at once.

One full join by the provider's id settles what agrees, which is nearly everything. What is left is set aside and counted,
so that the planner knows how little it is, and only that goes through the rest. A property test holds this to the rule in
Python.
"""

from __future__ import annotations

# The newest revision of every document of the period.
_DOCUMENTS = """
        select invoice_id, tenant_id, kind, status, currency, total_minor, total_minor - applied_credit_minor as due_minor,
            provider_invoice_id
        from invoices document
        where document.period = :period and document.status <> 'draft'
            and document.invoice_id not in (select newer.corrects from invoices newer where newer.corrects is not null)
"""
# All of them, read once for the join and for the sums; and a few of them, looked up one by one.
_ALL_DOCUMENTS = f"documents as materialized ({_DOCUMENTS})"
_SOME_DOCUMENTS = f"documents as not materialized ({_DOCUMENTS})"

# Our side by currency; void documents are counted, since both sides may hold them, and add nothing.
_OURS = """
    select currency, count(*) as all_documents, count(*) filter (where status <> 'void') as documents,
        coalesce(sum(total_minor) filter (where status <> 'void'), 0)::bigint as internal_minor
    from documents group by currency
"""
# What does not plainly agree: one side alone, or both with something that differs. `theirs_*` is the provider's side.
_SUSPECTS = """
    select ours.invoice_id, ours.tenant_id, ours.status, ours.currency, ours.total_minor, ours.due_minor,
        theirs.provider_invoice_id as theirs_id, theirs.provider_customer_id as theirs_customer,
        theirs.op_key as theirs_op_key, theirs.number as theirs_number, theirs.status as theirs_status,
        theirs.currency as theirs_currency, theirs.total_minor - theirs.credited_minor as theirs_net_minor,
        theirs.due_minor as theirs_due_minor, theirs.credited_minor as theirs_credited_minor, theirs.created_at
    from documents ours
    full join (select * from provider_invoices where reconciliation_id = :reconciliation_id) theirs
        on theirs.provider_invoice_id = ours.provider_invoice_id
    where (
        theirs.status in ('open', 'paid', 'uncollectible')
        and (ours.status = theirs.status or ours.status = 'open' and ours.due_minor = 0 and theirs.status = 'paid')
        and ours.currency = theirs.currency
        and ours.total_minor = theirs.total_minor - theirs.credited_minor
        and (theirs.credited_minor <> 0 or ours.due_minor = theirs.due_minor)
    ) is not true
"""

# Whose an invoice is: by the provider's id in our books, else by the mark of our push, else by number.
_CLAIMS = """
    claims as materialized (
        select suspect.theirs_id, suspect.theirs_customer, suspect.theirs_op_key, suspect.theirs_number,
            suspect.theirs_status, suspect.theirs_currency, suspect.theirs_net_minor, suspect.theirs_due_minor,
            suspect.theirs_credited_minor, suspect.created_at,
            suspect.theirs_status in ('open', 'paid', 'uncollectible') as live,
            suspect.invoice_id is not null as linked,
            coalesce(suspect.invoice_id, marked.invoice_id, numbered.invoice_id) as claimed_id
        from suspects suspect
        left join documents marked on suspect.invoice_id is null
            and marked.tenant_id = substr(suspect.theirs_op_key, length(:mark) + 1)
            and starts_with(suspect.theirs_op_key, :mark)
        left join invoices by_number on suspect.invoice_id is null and marked.invoice_id is null
            and by_number.number = suspect.theirs_number and by_number.period = :period
        left join documents numbered
            on (numbered.tenant_id, numbered.kind) = (by_number.tenant_id, by_number.kind)
        where suspect.theirs_id is not null
    )
"""

# Of several invoices for one document a live one counts, the linked before the oldest; the others are copies of it.
# `not in` here and below is answered from a hash, however wrong the planner's guess of a part's size is.
_PLACES = """
    places as materialized (
        select claim.*,
            claimed_id not in (select invoice_id from suspects where invoice_id is not null) as taken,
            row_number() over (
                partition by claimed_id
                order by not live, not linked, theirs_status = 'void', created_at, theirs_id collate "C"
            ) as place
        from claims claim where claimed_id is not null
    )
"""

_PAIRS = """
    pairs as materialized (
        select suspect.invoice_id, suspect.tenant_id, suspect.status, suspect.currency, suspect.total_minor,
            suspect.due_minor, suspect.status in ('open', 'paid', 'uncollectible') as ours_live,
            place.theirs_id, place.theirs_status, place.theirs_currency, place.theirs_net_minor, place.theirs_due_minor,
            place.theirs_credited_minor, place.live as theirs_live
        from places place join suspects suspect on suspect.invoice_id = place.claimed_id
        where place.place = 1 and not place.taken
    )
"""

# Live, of no document of this period and of none of another; without our mark, made when its month was billed.
_STRANGERS = """
    strangers as materialized (
        select claim.*, (
            select document.invoice_id
            from tenants tenant join documents document using (tenant_id)
            where tenant.provider_customer_id = claim.theirs_customer
                and (document.currency, document.total_minor) = (claim.theirs_currency, claim.theirs_net_minor)
                and document.status in ('open', 'paid', 'uncollectible')
            order by document.invoice_id collate "C" limit 1
        ) as twin_id
        from claims claim
        where claimed_id is null and live
            and (claim.theirs_op_key is not null or claim.created_at >= :billed_from and claim.created_at < :billed_until)
            and not exists (
                select from invoices other
                where other.provider_invoice_id = claim.theirs_id or other.number = claim.theirs_number
            )
    )
"""

_STATUSES = """
    statuses as (
        select 'status' as difference, pair.tenant_id, pair.invoice_id, pair.theirs_id, pair.currency,
            case when ours_live then total_minor else 0 end as internal_minor,
            case when theirs_live then theirs_net_minor else 0 end as provider_minor,
            null::bigint as tolerance_minor, repairs.ahead as within_tolerance,
            format('%s in the books, %s at the provider', pair.status, pair.theirs_status) as detail, repairs.repair
        from pairs pair
        join jsonb_to_recordset(cast(:status_repairs as jsonb))
            as repairs (ours text, theirs text, repair text, ahead boolean)
            on (repairs.ours, repairs.theirs) = (pair.status, pair.theirs_status)
        where not (pair.status = 'open' and pair.due_minor = 0 and pair.theirs_status = 'paid')
    )
"""

_CURRENCIES = """
    currencies as (
        select 'currency', tenant_id, invoice_id, theirs_id, currency, total_minor, theirs_net_minor, null::bigint, false,
            format('%s in the books, %s at the provider', currency, theirs_currency), :currency_repair
        from pairs where ours_live and theirs_live and currency <> theirs_currency
    )
"""

# The totals; where these agree and nothing was credited, what is due.
_AMOUNTS = """
    apart as (
        select pair.*, by_due,
            case when by_due then due_minor else total_minor end as internal_minor,
            case when by_due then theirs_due_minor else theirs_net_minor end as provider_minor,
            (select count(*) from invoice_lines line where line.invoice_id = pair.invoice_id) as lines
        from pairs pair
        cross join lateral (select total_minor = theirs_net_minor and theirs_credited_minor = 0 as by_due) which
        where ours_live and theirs_live and currency = theirs_currency
            and case when by_due then due_minor <> theirs_due_minor else total_minor <> theirs_net_minor end
    ),
    amounts as (
        select 'amount', tenant_id, invoice_id, theirs_id, currency, internal_minor, provider_minor, tolerance,
            abs(internal_minor - provider_minor) <= tolerance,
            case when by_due then 'the totals agree, the amounts due differ' else 'the totals differ' end,
            case when by_due then :due_repair when provider_minor > internal_minor then :too_much_repair
                else :too_little_repair end
        from apart
        cross join lateral (
            select floor(abs(internal_minor) * cast(:share as numeric))::bigint + lines * :per_line as tolerance
        ) may
    )
"""

# A document being pushed while the list was read is not missing: it was not there yet.
_MISSING = """
    missing_at_provider as (
        select 'missing_at_provider', tenant_id, invoice_id, null::text, currency, total_minor, null::bigint, null::bigint,
            false, 'in the books, not at the provider', :missing_at_provider_repair
        from suspects suspect
        where invoice_id is not null and status in ('open', 'paid', 'uncollectible') and total_minor <> 0
            and invoice_id not in (select pair.invoice_id from pairs pair)
            and not exists (
                select from effects push
                where push.op_key = :mark || suspect.tenant_id and push.first_sent_at >= :started_at
            )
    ),
    missing_in_books as (
        select 'missing_in_books', null::text, null::text, theirs_id, theirs_currency, null::bigint, theirs_net_minor,
            null::bigint, false, 'at the provider, not in the books', :missing_in_books_repair
        from strangers where twin_id is null
    )
"""

_DUPLICATES = """
    copies as (
        select theirs_id, theirs_status, theirs_currency, theirs_net_minor, live, claimed_id as of_id from places
        where (taken or place > 1) and theirs_status <> 'void'
        union all
        select theirs_id, theirs_status, theirs_currency, theirs_net_minor, live, twin_id from strangers
        where twin_id is not null
    ),
    duplicates as (
        select 'duplicate', document.tenant_id, copy.of_id, copy.theirs_id, copy.theirs_currency, null::bigint,
            case when copy.live then copy.theirs_net_minor else 0 end, null::bigint, false,
            format('a second invoice for %s, %s', copy.of_id, copy.theirs_status), repairs.repair
        from copies copy
        join invoices document on document.invoice_id = copy.of_id
        join jsonb_to_recordset(cast(:duplicate_repairs as jsonb)) as repairs (theirs text, repair text)
            on repairs.theirs = copy.theirs_status
    )
"""

_RECORD = """
    insert into billing_audit (
        reconciliation_id, period, difference, tenant_id, invoice_id, provider_invoice_id, currency, internal_minor,
        provider_minor, tolerance_minor, within_tolerance, detail, repair
    )
    select :reconciliation_id, :period, found.* from (
        select * from statuses union all select * from currencies union all select * from amounts
        union all select * from missing_at_provider union all select * from missing_in_books
        union all select * from duplicates
    ) found
    on conflict do nothing
"""

_PARTS = (_CLAIMS, _PLACES, _PAIRS, _STRANGERS, _STATUSES, _CURRENCIES, _AMOUNTS, _MISSING, _DUPLICATES)

# The join's tables fit into this; the standard's few megabytes would write them to disk and read them again.
ENOUGH_MEMORY = "set local work_mem = '64MB'"
MAKE_ROOM = """
    create temporary table suspects (
        invoice_id text, tenant_id text, status text, currency char(3), total_minor bigint, due_minor bigint, theirs_id text,
        theirs_customer text, theirs_op_key text, theirs_number text, theirs_status text, theirs_currency char(3),
        theirs_net_minor bigint, theirs_due_minor bigint, theirs_credited_minor bigint, created_at timestamptz
    ) on commit drop
"""
SET_SUSPECTS_ASIDE = f"with {_ALL_DOCUMENTS}, aside as (insert into suspects {_SUSPECTS}) {_OURS}"
COUNT_SUSPECTS = "analyze suspects"

RECORD_DIFFERENCES = f"with {', '.join((_SOME_DOCUMENTS, *_PARTS))} {_RECORD}"

COUNTS = """
    select difference, count(*) filter (where not within_tolerance) as beyond,
        count(*) filter (where within_tolerance) as within
    from billing_audit where reconciliation_id = :reconciliation_id group by difference
"""

# How many more invoices the provider holds than documents are ours: what agrees is on both sides.
PROVIDER_HAS_MORE = "select count(theirs_id) - count(invoice_id) from suspects"

# How far each difference moves the provider's side away from ours. A status moves it only where one side bills nothing,
# a due amount not at all: its total agrees.
MOVED = """
    select currency, sum(by_minor)::bigint as by_minor, sum(abs(by_minor))::bigint as apart_minor
    from (
        select currency, case
                when difference = 'currency' then -internal_minor
                when difference = 'status' and internal_minor <> 0 and provider_minor <> 0 then 0
                when difference = 'amount' and detail <> 'the totals differ' then 0
                else coalesce(provider_minor, 0) - coalesce(internal_minor, 0)
            end as by_minor
        from billing_audit where reconciliation_id = :reconciliation_id
    ) moved
    group by currency
"""
