"""Every fault of Stripe, on every request of a push and of a change, on the first try, the second and both: one invoice.

A push is three requests, each of which may fail by itself; whatever is left half made is finished and never doubled.
"""

from __future__ import annotations

import pytest

from billing.effects import EffectState
from billing.failures import BillingFailure, FailureCode
from sandbox.stripe.faults import FaultKind
from tests.adapters.stripe.attempts import FAULTS, ProcessDiedError, patience
from tests.adapters.stripe.documents import AtStripe
from tests.fixtures.stripe_simulator import StripeSimulator

REQUESTS = {
    "draft": "/v1/invoices",
    "lines": "/v1/invoices/*/add_lines",
    "finalisation": "/v1/invoices/*/finalize",
}
CHANGES = {
    "reason of a void": ("plan_void", "/v1/invoices/*", "void"),
    "void": ("plan_void", "/v1/invoices/*/void", "void"),
    "write-off": ("plan_write_off", "/v1/invoices/*/mark_uncollectible", "uncollectible"),
    "payment elsewhere": ("plan_paid_elsewhere", "/v1/invoices/*/pay", "paid"),
}

each_fault = pytest.mark.parametrize("fault", FAULTS)
on_each_try = pytest.mark.parametrize("on", [(1,), (2,), (1, 2)], ids=["first try", "second try", "both tries"])


@on_each_try
@each_fault
@pytest.mark.parametrize("request_", REQUESTS)
def test_every_fault_of_a_push_leaves_one_invoice_or_a_clear_no(
    stripe_simulator: StripeSimulator, request_: str, fault: str, on: tuple[int, ...]
) -> None:
    kind, details = FAULTS[fault]
    account = AtStripe(stripe_simulator, timeout=patience(kind))
    pushing = account.pushing(account.document(5_00, 7), deaths=1 if on == (2,) else 0)
    stripe_simulator.control.fault(kind, REQUESTS[request_], attempts=on, **details)

    settled = pushing.until_settled()

    refused = kind is FaultKind.DECLINE and 1 in on
    issued = [(one.status, one.total) for one in account.held() if one.status != "draft"]
    assert issued == ([] if refused else [("open", 5_07)])
    assert len(account.held()) <= 1
    assert pushing.state is (EffectState.REFUSED if refused else EffectState.CONFIRMED)
    assert isinstance(settled, FailureCode) is refused


@pytest.mark.parametrize("request_", REQUESTS)
def test_a_refused_push_that_is_taken_up_again_finishes_what_it_had_begun(
    stripe_simulator: StripeSimulator, request_: str
) -> None:
    account = AtStripe(stripe_simulator)
    pushing = account.pushing(account.document(5_00, 7))
    stripe_simulator.control.fault(FaultKind.DECLINE, REQUESTS[request_], attempts=(1,))
    refused = pushing.until_settled()

    pushing.ledger.next_generation(pushing.effect.op_key)
    pushing.until_settled()

    assert refused is FailureCode.PROVIDER_REFUSED
    assert [(one.status, one.total) for one in account.held()] == [("open", 5_07)]


@pytest.mark.parametrize("request_", REQUESTS)
@pytest.mark.parametrize("fault", ["500 before the commit, stored", "answer broken off"])
@pytest.mark.parametrize("hours", [22.9, 25])
def test_when_the_key_is_forgotten_the_document_is_looked_up(
    stripe_simulator: StripeSimulator, request_: str, fault: str, hours: float
) -> None:
    account = AtStripe(stripe_simulator)
    pushing = account.pushing(account.document(5_00, 7))
    kind, details = FAULTS[fault]
    stripe_simulator.control.fault(kind, REQUESTS[request_], attempts=(1,), **details)

    with pytest.raises(BillingFailure):
        pushing.once()
    pushing.hours_pass(hours)
    pushing.until_settled()

    assert [(one.status, one.total) for one in account.held()] == [("open", 5_07)]
    assert pushing.state is EffectState.CONFIRMED


def test_a_crash_followed_by_a_long_night_pushes_once(stripe_simulator: StripeSimulator) -> None:
    account = AtStripe(stripe_simulator)
    pushing = account.pushing(account.document(5_00, 7), deaths=1)

    with pytest.raises(ProcessDiedError):
        pushing.once()
    pushing.hours_pass(30)
    pushing.until_settled()

    assert [one.status for one in account.held()] == ["open"]


@each_fault
@pytest.mark.parametrize("change", CHANGES)
def test_every_fault_of_a_change_leaves_it_made_once_or_a_clear_no(
    stripe_simulator: StripeSimulator, change: str, fault: str
) -> None:
    plan, path, status = CHANGES[change]
    kind, details = FAULTS[fault]
    account = AtStripe(stripe_simulator, timeout=patience(kind))
    invoice = account.pushing(account.document(5_00)).once().provider_id
    wire = getattr(account.invoices, plan)(invoice, "correction/1", "made twice")
    changing = account.changing(wire)
    stripe_simulator.control.fault(kind, path, attempts=(1,), **details)

    changing.until_settled()

    refused = kind is FaultKind.DECLINE
    assert account.client.v1.invoices.retrieve(invoice).status == ("open" if refused else status)
    assert changing.state is (EffectState.REFUSED if refused else EffectState.CONFIRMED)
