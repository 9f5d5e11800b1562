"""What a reading, a row or an answer of the provider means: receivables and results, without reading or sending anything."""

from datetime import datetime

from activities.payment_ports import CollectibleInvoice, Reading
from activities.ports import ProviderAnswer
from billing.declines import NO_PAYMENT_METHOD, Advice, advice_for, is_known
from billing.failures import BillingFailure
from billing.holds import Hold
from billing.invoices import InvoiceStatus
from billing.money import Money
from billing.payments import AttemptOrder, AttemptResult, AttemptRow, Outcome, Receivable
from billing.policy.payments import PaymentPolicy


def receivable_of(invoice: CollectibleInvoice, reading: Reading, policy: PaymentPolicy) -> Receivable:
    """The mirror's row. A debt that was paid once and is owed again counts from when it was re-opened; any other from the
    first charge that failed, whether the provider knows of it or only we do."""
    remaining = reading.remaining
    known = [moment for moment in (reading.overdue_since, invoice.tried_in_vain_at) if moment]
    since = reading.overdue_since if reading.reopened else min(known, default=None)
    return Receivable(
        invoice_id=invoice.invoice_id,
        number=invoice.number,
        tenant_id=invoice.tenant_id,
        provider_invoice_id=invoice.provider_invoice_id,
        status=reading.status,
        currency=remaining.currency,
        due=reading.due,
        remaining=remaining,
        overdue_since=since if remaining else None,
        charged_back=reading.charged_back,
        disputed=invoice.disputed or reading.charged_back,
        usage_only=invoice.usage_only,
        charged_automatically=reading.charged_automatically,
        too_small=bool(remaining) and not policy.can_be_charged(remaining),
        read_at=reading.read_at,
    )


def objection(receivable: Receivable, hold: Hold | None) -> AttemptResult | None:
    """Why nothing may be charged now, as the attempt's result; None when nothing is against it."""
    if not receivable.remaining:
        words = f"nothing is due on {receivable.number}: it is {receivable.status}"
        return AttemptResult(outcome=Outcome.NOTHING_DUE, words=words)
    if receivable.too_small:
        words = f"{receivable.remaining} is less than the provider charges"
        return AttemptResult(outcome=Outcome.BELOW_MINIMUM, amount=receivable.remaining, words=words)
    if hold is not None:
        return AttemptResult(outcome=Outcome.HELD, words=hold.in_words())
    if receivable.charged_back:
        return _held(f"a bank took the payment of {receivable.number} back, and nobody has decided about it yet")
    if receivable.disputed:
        return _held(f"the customer contests {receivable.number}: nothing is charged until the dispute is closed")
    return None


def barred(other: AttemptRow) -> AttemptResult:
    """Another attempt at the invoice is not known to have ended: no second charge before it is."""
    return _held(f"{other.op_key} is under way since {other.began_at:%d %b %H:%M} UTC and bars a second charge")


def declined_before(order: AttemptOrder, declined_at: datetime) -> AttemptResult:
    """News that came late: what it brings was charged meanwhile, and declined."""
    words = f"{order.payment_method} was declined already, {declined_at:%d %b %H:%M} UTC, and has not changed since"
    return AttemptResult(outcome=Outcome.DECLINED_BEFORE, words=words)


def nothing_sent() -> AttemptResult:
    """It was opened and never left."""
    return _held("it was never sent to the provider")


def nothing_arrived() -> AttemptResult:
    """It left long ago, and the provider never saw it."""
    return _held("it never arrived at the provider")


def unknown(why: str) -> AttemptResult:
    """Nobody knows what became of it; it bars every other attempt."""
    return AttemptResult(outcome=Outcome.UNKNOWN, words=why)


def refused(failure: BillingFailure, remaining: Money) -> AttemptResult:
    """The provider would not even ask the bank: a person has to look."""
    return AttemptResult(
        outcome=Outcome.DECLINED, amount=remaining, advice=Advice.STOP, words=failure.for_us, for_a_person=True
    )


def result_of_row(row: AttemptRow) -> AttemptResult:
    """What an attempt on record came to, as it was first said."""
    return AttemptResult(
        outcome=row.outcome or Outcome.UNKNOWN,
        amount=row.amount,
        decline_code=row.decline_code,
        advice=row.advice,
        words=row.words,
        for_a_person=row.for_a_person,
    )


def result_of_answer(answer: ProviderAnswer, policy: PaymentPolicy, times: int) -> AttemptResult:
    """What the provider said, in our words; `times` is how often its decline code was met for this debt, this one
    included."""
    kept = answer.kept
    amount = Money(minor=kept["amount_minor"], currency=kept["currency"])
    outcome = Outcome(kept["outcome"])
    if outcome is not Outcome.DECLINED:
        return AttemptResult(outcome=outcome, amount=amount, words=f"{amount} was paid ({answer.provider_id})")
    code = str(kept["decline_code"])
    advice = advice_for(code, policy, times)
    return AttemptResult(
        outcome=outcome,
        amount=amount,
        decline_code=code,
        advice=advice,
        words=_declined(code, amount),
        for_a_person=advice is Advice.STOP,
    )


def less_than_due(result: AttemptResult, receivable: Receivable | None) -> AttemptResult:
    """A payment that left something of an open invoice to be paid."""
    if receivable is None or receivable.status is not InvoiceStatus.OPEN or not receivable.remaining:
        return result
    return result.model_copy(
        update={"outcome": Outcome.PARTLY_PAID, "words": f"{result.words}; {receivable.remaining} remains"}
    )


def _declined(code: str, amount: Money) -> str:
    if code == NO_PAYMENT_METHOD:
        return f"{amount} could not be charged: the customer has no payment method on record"
    unknown_code = "" if is_known(code) else ", a code that our table does not know: look it up and add it"
    return f"{amount} was declined: {code}{unknown_code}"


def _held(words: str) -> AttemptResult:
    return AttemptResult(outcome=Outcome.HELD, words=words)
