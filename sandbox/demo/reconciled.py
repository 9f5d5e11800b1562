"""An invoice that Stripe holds twice: the daily comparison finds it, and finance has the copy voided."""

import asyncio

import stripe

from adapters.stripe.wires import OP_KEY
from billing.failures import BillingFailure
from billing.month_end import invoice_op_key
from billing.reconciling import Ending, ReconciliationStory
from billing.reconciling import Stage as ReconciliationStage
from sandbox.demo.stage import Stage, Told, expect
from sandbox.sample_data.invoicing import invoice_id
from sandbox.stripe.control import StripeControl
from settings import Settings
from starters import reconciliation
from starters.connect import connected

DOUBLED, PERIOD = "lumenthorpe", "2026-09"
WHY = "made a second time by hand"


async def an_invoice_twice_at_stripe(stage: Stage) -> Told:
    """Somebody made a September invoice once more by hand; a lead may not have it voided, finance may."""
    control = StripeControl(stage.sandbox.settings["RUNBOOKS_STRIPE_API_BASE"])
    original, copy = await asyncio.to_thread(_made_again, stage, control)
    begun = await stage.operator("finance-1", "/billing/reconcile", key="the-double-invoice", period=PERIOD)
    name = str(begun["reconciliation_id"])
    await _comes_to(stage, name, ReconciliationStage.DECIDE)
    page = f"/billing/reconciliations/{name}"
    found = [(one["difference"], one["provider_invoice_id"]) for one in (await stage.read(page)).json()["differences"]]
    expect(found, [("duplicate", copy)], "what differs")
    refused = await stage.operator("lead-1", f"{page}/void-duplicates", reason=WHY)
    expect("error" in refused, True, "that a lead may not have invoices voided")
    await stage.operator("finance-1", f"{page}/void-duplicates", reason=WHY)
    story = await _comes_to(stage, name, ReconciliationStage.CLOSED)
    expect(story.ending, Ending.DUPLICATES_VOIDED, "the ending")
    statuses = {one["id"]: one["status"] for one in (await asyncio.to_thread(control.state))["invoice"]}
    expect((statuses[original], statuses[copy]), ("paid", "void"), "the invoice and its copy at Stripe")
    return Told(
        "An invoice that Stripe holds twice: found, and the copy voided",
        story,
        Ending.DUPLICATES_VOIDED,
        ("a lead asked first and was refused", f"{copy} is void at Stripe, {original} still paid"),
    )


def _made_again(stage: Stage, control: StripeControl) -> tuple[str, str]:
    """The invoice at Stripe and a second one like it, under the mark that our own push would leave."""
    held = control.state()["invoice"]
    original = next(one for one in held if one["metadata"].get("invoice_id") == invoice_id(DOUBLED, PERIOD))
    client = stripe.StripeClient(
        stage.sandbox.settings["RUNBOOKS_STRIPE_API_KEY"],
        base_addresses={"api": stage.sandbox.settings["RUNBOOKS_STRIPE_API_BASE"]},
    )
    copy = client.v1.invoices.create(
        {
            "customer": original["customer"],
            "currency": original["currency"],
            "auto_advance": False,
            "pending_invoice_items_behavior": "exclude",
            "metadata": {OP_KEY: invoice_op_key(PERIOD, DOUBLED), "period": PERIOD},
        }
    )
    client.v1.invoices.add_lines(copy.id, {"lines": [{"description": "Usage", "amount": original["total"]}]})
    client.v1.invoices.finalize_invoice(copy.id)
    return str(original["id"]), copy.id


async def _comes_to(stage: Stage, name: str, wanted: ReconciliationStage) -> ReconciliationStory:
    """What it tells of itself once it is at a stage; its page over HTTP tells what is on record."""
    async with connected(Settings(temporal_address=stage.sandbox.settings["RUNBOOKS_TEMPORAL_ADDRESS"])) as client:

        async def told() -> ReconciliationStory | None:
            try:
                return await reconciliation.story(client, name)
            except BillingFailure:  # a worker that is just being replaced answers again soon
                return None

        return await stage.comes_to(told, f"reconciliation/{name}", wanted.value, lambda story: story.stage is wanted)
