"""A line that was rated with another tier's prices: finance finds it before the customer does, and corrects the invoice."""

import asyncio
from collections.abc import Callable

from billing.invoice_corrections import CorrectionStory, Ending
from billing.money import Money
from sandbox.demo.stage import Stage, Told, expect
from sandbox.sample_data.defects import DEFECTS, PERIOD
from sandbox.sample_data.invoicing import invoice_id
from sandbox.stripe.control import StripeControl

MISRATED = "ravelstone"


async def a_corrected_invoice(stage: Stage) -> Told:
    """Nobody contested it. An agent may not approve so much, a lead may; the customer gets both documents."""
    defect = next(one for one in DEFECTS if one.tenant_id == MISRATED)
    invoice = (await stage.read(f"/billing/invoices/{invoice_id(MISRATED, PERIOD)}")).json()
    line = next(line for line in invoice["lines"] if line["meter"] == defect.meter)
    correct = Money(minor=line["amount_minor"] - defect.credit_minor, currency=invoice["currency"])
    ordered = await stage.operator(
        "finance-1",
        f"/billing/invoices/{invoice['number']}/corrections",
        key="the-wrong-price-list",
        deed="credit",
        lines=[{"line": line["number"], "amount": f"{correct.major:f}"}],
        reason="rated with another tier's price list",
    )
    case = str(ordered["case_id"])
    asked = await _until(stage, case, "a question", lambda story: story.approval is not None)
    assert asked.approval is not None  # noqa: S101 - it was just seen
    approve = f"/approvals/{asked.approval.approval_id}/approve"
    refused = await stage.operator("agent-1", approve, reason="looks right to me")
    expect("error" in refused, True, "that an agent may not approve this")
    await stage.operator("lead-1", approve, reason="the contract says so")
    story = await _until(stage, case, "its end", lambda story: story.ending is not None)
    expect(story.ending, Ending.CREDITED, "the ending")
    return Told(
        "A wrong price that nobody contested: the invoice is corrected",
        story,
        Ending.CREDITED,
        await _checked(stage, story, defect.credit_minor),
    )


async def _checked(stage: Stage, story: CorrectionStory, credit_minor: int) -> tuple[str, ...]:
    receipt = story.receipt
    assert receipt is not None  # noqa: S101 - it was credited
    expect(receipt.amount.minor, credit_minor, "what was given back")
    stripe = StripeControl(stage.sandbox.settings["RUNBOOKS_STRIPE_API_BASE"])
    held = (await asyncio.to_thread(stripe.state))["credit_note"]
    notes = [note["id"] for note in held if note["metadata"].get("op_key", "").startswith(f"{story.case_id}/")]
    expect(len(notes), 1, "credit notes at Stripe for this correction")
    return (
        "an agent tried to approve it first and was refused",
        f"{receipt.credit_note_number} and {receipt.corrected_invoice_number} correct {story.number}",
        f"exactly one credit note at Stripe: {notes[0]}",
        f"{receipt.lowered_due} is not due any more",
    )


async def _until(stage: Stage, case: str, what: str, seen: Callable[[CorrectionStory], bool]) -> CorrectionStory:
    return await stage.watch(CorrectionStory, f"/billing/corrections/{case}", case, what, seen)
