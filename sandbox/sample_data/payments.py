"""The same customers and invoices at the payment provider, made through its own SDK as a billing system would.

Every call carries an idempotency key that says what it makes, so that a load that was interrupted goes on and doubles
nothing. Ids are written down tenant by tenant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

import stripe
from sqlalchemy import Engine, select, update

from adapters.postgres.engine import transaction
from adapters.postgres.invoices import read_invoice
from adapters.postgres.tables import invoices, tenants
from billing.invoices import Invoice, InvoiceStatus
from billing.tenants import Tenant
from sandbox.sample_data.roster import TENANTS

AT_A_TIME = 4
CARD = "pm_card_visa"


def mirror(engine: Engine, client: stripe.StripeClient, progress: Callable[[int], None]) -> int:
    """Make every customer and invoice that has no provider id yet; returns how many invoices. `progress` hears the
    number of customers still to do. An invoice of nothing is not sent: nobody could pay it."""
    waiting = _waiting(engine)
    mirrored = 0
    with ThreadPoolExecutor(AT_A_TIME, thread_name_prefix="payments") as pool:
        jobs = [pool.submit(_mirror, engine, client, tenant, due) for tenant, due in waiting]
        for done, job in enumerate(as_completed(jobs), start=1):
            mirrored += job.result()
            progress(len(jobs) - done)
    return mirrored


def _waiting(engine: Engine) -> list[tuple[Tenant, list[Invoice]]]:
    """Sample tenants without a customer or with invoices to send, oldest invoice first; other tenants are not ours."""
    ours = sorted(TENANTS)
    unsent = select(invoices.c.invoice_id, invoices.c.tenant_id).where(
        invoices.c.tenant_id.in_(ours), invoices.c.provider_invoice_id.is_(None), invoices.c.total_minor > 0
    )
    sample = select(tenants).where(tenants.c.tenant_id.in_(ours)).order_by(tenants.c.tenant_id)
    with transaction(engine) as connection:
        everyone = [Tenant.model_validate(dict(row)) for row in connection.execute(sample).mappings()]
        due: dict[str, list[Invoice]] = {tenant.tenant_id: [] for tenant in everyone}
        for invoice_id, tenant_id in connection.execute(unsent.order_by(invoices.c.period)).all():
            due[tenant_id].append(read_invoice(connection, invoice_id))
    return [
        (tenant, due[tenant.tenant_id])
        for tenant in everyone
        if due[tenant.tenant_id] or tenant.provider_customer_id is None
    ]


def _mirror(engine: Engine, client: stripe.StripeClient, tenant: Tenant, due: Sequence[Invoice]) -> int:
    known = {"provider_customer_id": tenant.provider_customer_id} if tenant.provider_customer_id else None
    account = known or _customer(client, tenant)
    customer = account["provider_customer_id"]
    sent = {invoice.invoice_id: _invoice(client, customer, invoice) for invoice in due}
    with transaction(engine) as connection:
        connection.execute(update(tenants).where(tenants.c.tenant_id == tenant.tenant_id).values(account))
        for invoice_id, provider_id in sent.items():
            connection.execute(
                update(invoices).where(invoices.c.invoice_id == invoice_id).values(provider_invoice_id=provider_id)
            )
    return len(sent)


def _customer(client: stripe.StripeClient, tenant: Tenant) -> dict[str, str]:
    """The customer and its card, by the names of our columns."""
    made = client.v1.customers.create(
        params={
            "name": tenant.name,
            "email": tenant.billing_email,
            "payment_method": CARD,
            "invoice_settings": {"default_payment_method": CARD},
            "metadata": {"tenant_id": tenant.tenant_id},
        },
        options={"idempotency_key": f"sample-data/{tenant.tenant_id}"},
    )
    settings = made.invoice_settings
    card = settings.default_payment_method if settings else None
    return {"provider_customer_id": made.id, "payment_method_id": str(card or CARD)}


def _invoice(client: stripe.StripeClient, customer: str, invoice: Invoice) -> str:
    """Draft, lines in one call, finalise, and pay where ours is paid."""
    key = f"sample-data/{invoice.invoice_id}"
    draft = client.v1.invoices.create(
        params={
            "customer": customer,
            "currency": invoice.currency.lower(),
            "number": invoice.number,
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {"invoice_id": invoice.invoice_id, "period": invoice.period},
        },
        options={"idempotency_key": f"{key}/draft"},
    )
    client.v1.invoices.add_lines(
        draft.id,
        params={
            "lines": [{"description": line.description, "amount": line.amount_minor} for line in invoice.lines],
        },
        options={"idempotency_key": f"{key}/lines"},
    )
    client.v1.invoices.finalize_invoice(draft.id, options={"idempotency_key": f"{key}/finalize"})
    if invoice.status is InvoiceStatus.PAID:
        client.v1.invoices.pay(draft.id, options={"idempotency_key": f"{key}/pay"})
    return draft.id
