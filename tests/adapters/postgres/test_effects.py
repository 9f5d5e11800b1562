"""The effects table: what may be sent, what is frozen, and what is known afterwards."""

from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy.exc import DBAPIError

from activities.ports import ProviderAnswer, Wire
from adapters.postgres.sent_mail import SentMail
from billing.authority import Role
from billing.cases import Verdict
from billing.effects import EffectIntent, EffectKind, EffectState
from billing.failures import BillingFailure, FailureCode
from tests.adapters.postgres.company import NOON, Company, letter, letter_intent

WIRE = Wire(call="smtp", params={"template": "dispute_acknowledged"})
ANSWER = ProviderAnswer(provider_id="<1@billing.example>", kept={"subject": "Under Investigation"})
CREDIT = "dispute/T-1/credit/r1.1"
LETTER = letter().op_key


@pytest.fixture
def recorded(company: Company) -> str:
    company.effects.record(letter_intent(letter()))
    return LETTER


def code_of(failure: pytest.ExceptionInfo[BillingFailure]) -> FailureCode:
    return failure.value.code


def test_an_effect_recorded_twice_is_one_row(company: Company) -> None:
    first = company.effects.record(letter_intent(letter()))

    assert company.effects.record(letter_intent(letter())) == first
    assert first.state is EffectState.INTENDED
    assert first.idempotency_key == f"acme/2026-11-20/{LETTER}/g1"


def test_a_key_never_stands_for_two_requests(company: Company, recorded: str) -> None:
    other = letter_intent(letter(recorded, at_most_once=True))

    with pytest.raises(BillingFailure, match="already stands for another request") as refused:
        company.effects.record(other)

    assert code_of(refused) is FailureCode.CONFLICT


def test_a_credit_cannot_be_recorded_around_its_approval(company: Company) -> None:
    intent = letter_intent(letter())
    credit = EffectIntent(**(intent.model_dump() | {"kind": EffectKind.CREDIT}))

    with pytest.raises(BillingFailure, match="never simply recorded"):
        company.effects.record(credit)


def test_an_effect_nobody_recorded_cannot_be_claimed(company: Company) -> None:
    with pytest.raises(BillingFailure, match="there is no effect dispute/T-9/x") as refused:
        company.effects.claim("dispute/T-9/x")

    assert code_of(refused) is FailureCode.NOT_FOUND


def test_the_first_wire_stays_frozen_with_its_first_moment(company: Company, recorded: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)

    again = company.effects.freeze(recorded, Wire(call="smtp", params={"template": "other"}), NOON + timedelta(hours=1))

    assert again.wire == WIRE.model_dump(mode="json")
    assert (again.state, again.first_sent_at) == (EffectState.SENT, NOON)


def test_a_new_generation_has_a_new_key_and_nothing_frozen(company: Company, recorded: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)

    renewed = company.effects.next_generation(recorded)

    assert (renewed.generation, renewed.wire, renewed.first_sent_at) == (2, None, None)
    assert renewed.state is EffectState.INTENDED
    assert renewed.idempotency_key.endswith("/g2")


def test_confirming_twice_is_nothing_and_with_another_object_a_conflict(company: Company, recorded: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)
    confirmed = company.effects.confirm(recorded, ANSWER)

    assert company.effects.confirm(recorded, ANSWER) == confirmed
    with pytest.raises(BillingFailure, match="must be reversed") as refused:
        company.effects.confirm(recorded, ProviderAnswer(provider_id="<2@billing.example>"))
    assert code_of(refused) is FailureCode.CONFLICT


@pytest.mark.parametrize("late", ["freeze", "doubt"])
def test_nothing_late_undoes_a_confirmation(company: Company, recorded: str, late: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)
    confirmed = company.effects.confirm(recorded, ANSWER)

    if late == "freeze":
        company.effects.freeze(recorded, WIRE, NOON)
    else:
        company.effects.doubt(recorded, "a worker woke up late")

    assert company.effects.claim(recorded) == confirmed


@pytest.mark.parametrize("late", ["refuse", "next_generation"])
def test_a_confirmed_effect_can_neither_be_refused_nor_sent_anew(company: Company, recorded: str, late: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)
    company.effects.confirm(recorded, ANSWER)

    with pytest.raises(BillingFailure, match="is confirmed as") as refused:
        company.effects.refuse(recorded, "no") if late == "refuse" else company.effects.next_generation(recorded)

    assert code_of(refused) is FailureCode.CONFLICT


@pytest.mark.parametrize("late", ["refuse", "next_generation"])
def test_an_attempt_that_wakes_up_late_leaves_the_next_generation_alone(
    company: Company, recorded: str, late: str
) -> None:
    company.effects.freeze(recorded, WIRE, NOON)
    company.effects.next_generation(recorded, generation=1)
    under_way = company.effects.freeze(recorded, WIRE, NOON)

    with pytest.raises(BillingFailure, match="went on to generation 2") as told:
        if late == "refuse":
            company.effects.refuse(recorded, "no", generation=1)
        else:
            company.effects.next_generation(recorded, generation=1)

    assert code_of(told) is FailureCode.PROVIDER_BUSY
    assert company.effects.claim(recorded) == under_way


def test_a_sent_letter_is_on_record_with_its_message_id(company: Company, recorded: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)

    company.effects.confirm(recorded, ANSWER)

    (kept,) = SentMail(company.engine).newest(case_id="dispute/T-1")
    assert (kept.template, kept.recipient, kept.subject) == (
        "dispute_acknowledged",
        "ap@acme.example",
        "Under Investigation",
    )
    assert (kept.message_id, kept.state, kept.sent_at) == ("<1@billing.example>", "sent", NOON)
    assert kept.letter == letter()
    assert SentMail(company.engine).get(recorded) == kept


def test_a_letter_that_perhaps_left_is_on_record_until_a_person_has_looked(company: Company, recorded: str) -> None:
    company.effects.freeze(recorded, WIRE, NOON)
    company.effects.doubt(recorded, "the connection broke")
    doubted = SentMail(company.engine).get(recorded)

    company.effects.confirm(recorded, ANSWER)

    assert (doubted.state, doubted.message_id) == ("unknown", None)
    assert SentMail(company.engine).get(recorded).state == "sent"


@pytest.mark.parametrize(
    ("path", "end", "code"),
    [
        ((Role.LEAD,), None, FailureCode.NOT_APPROVED),
        ((), "withdraw", FailureCode.NOT_APPROVED),
        ((), "refuse", FailureCode.PROVIDER_REFUSED),
    ],
)
def test_only_an_approved_credit_may_leave(
    company: Company, path: tuple[Role, ...], end: str | None, code: FailureCode
) -> None:
    company.propose("40.00", path=path)
    if end == "withdraw":
        company.credits.withdraw(CREDIT, "overtaken")
    if end == "refuse":
        company.effects.refuse(CREDIT, "the invoice is void")

    with pytest.raises(BillingFailure) as refused:
        company.effects.claim(CREDIT)

    assert code_of(refused) is code


def test_a_credit_marked_intended_by_hand_still_needs_its_approvals(company: Company) -> None:
    company.propose("400.00", path=(Role.LEAD,))
    company.run("update effects set state = 'intended'")

    with pytest.raises(BillingFailure, match="still needs 1 approvals") as refused:
        company.effects.claim(CREDIT)

    assert code_of(refused) is FailureCode.NOT_APPROVED


@pytest.mark.parametrize(
    "forged",
    [
        "update approvals set signed_decision = jsonb_set(signed_decision, '{signature}', '\"AAAA\"')",
        "update approvals set signed_decision = jsonb_set(signed_decision, '{operator_id}', '\"vp-1@ops.example\"')",
        "update approvals set decided_by = 'vp-1@ops.example', decided_role = 'vp'",
        "update approvals set approval_id = 'dispute/T-1/credit/r1.1/a2'",
    ],
)
def test_an_approval_row_that_no_signature_proves_lets_nothing_leave(company: Company, forged: str) -> None:
    proposal = company.propose("400.00", path=(Role.LEAD,))
    company.answer(company.ask(proposal), Role.LEAD)
    company.run(forged)

    with pytest.raises(BillingFailure, match="still needs 1 approvals") as refused:
        company.effects.claim(CREDIT)

    assert code_of(refused) is FailureCode.NOT_APPROVED


def test_an_amount_changed_after_the_approval_is_noticed_even_past_the_trigger(company: Company) -> None:
    proposal = company.propose("400.00", path=(Role.LEAD,))
    company.answer(company.ask(proposal), Role.LEAD)
    company.run(
        "alter table effects disable trigger frozen_effect_stays;"
        "update effects set request = jsonb_set(request, '{amount,minor}', '49900')"
    )

    with pytest.raises(BillingFailure, match="was changed after it was frozen"):
        company.effects.claim(CREDIT)


def test_of_two_credits_that_together_exceed_the_runbooks_limit_the_earlier_one_goes(company: Company) -> None:
    first = company.propose("30.00", ticket_id="T-1").request.op_key
    company.now += timedelta(minutes=1)
    second = company.propose("30.00", ticket_id="T-2", path=(Role.LEAD,))
    company.answer(company.ask(second), Role.LEAD)
    company.run("update approvals set decided_role = 'agent'")

    company.send(first)

    with pytest.raises(BillingFailure, match=r"add up to USD 60\.00, which needs lead") as stale:
        company.effects.claim(second.request.op_key)
    assert code_of(stale) is FailureCode.STALE_DECISION


@pytest.mark.parametrize(
    ("currency", "credited", "words"),
    [("EUR", "9.01", r"add up to USD 50\.02, which needs lead"), ("CHF", "1.00", "cannot be added up, .* needs vp")],
)
def test_a_credit_is_stale_once_credits_in_the_tenants_old_currency_exceed_the_limit(
    company: Company, currency: str, credited: str, words: str
) -> None:
    company.propose("40.00")
    company.was_billed_in(currency, credited)

    with pytest.raises(BillingFailure, match=words) as stale:
        company.effects.claim(CREDIT)

    assert code_of(stale) is FailureCode.STALE_DECISION


def test_a_credit_that_no_longer_fits_the_invoice_is_stale(company: Company) -> None:
    proposals = [company.propose("600.00", ticket_id=f"T-{n}", path=(Role.VP,), lines=()) for n in (1, 2)]
    for number, proposal in enumerate(proposals, start=1):
        asked = company.ask(proposal)
        company.answer(asked, Role.VP, token=company.hire(Role.VP, f"vp-{number}0@ops.example"))
        company.now += timedelta(minutes=1)

    company.send(proposals[0].request.op_key)

    with pytest.raises(BillingFailure, match=r"more than the USD 400\.00 that can still be given back") as stale:
        company.effects.claim(proposals[1].request.op_key)
    assert code_of(stale) is FailureCode.STALE_DECISION


def test_a_sent_credit_is_claimed_again_whatever_has_been_credited_since(company: Company) -> None:
    company.propose("40.00")
    company.send(CREDIT)
    company.credit("9.00", ticket_id="T-2", path=())

    assert company.effects.claim(CREDIT).state is EffectState.SENT


def test_a_rejected_credit_stays_unsent(company: Company) -> None:
    company.answer(company.ask(company.propose("400.00", path=(Role.LEAD,))), Role.LEAD, Verdict.REJECT)

    with pytest.raises(BillingFailure):
        company.effects.freeze(CREDIT, WIRE, NOON)

    assert company.rows("select state, wire from effects") == [{"state": "withdrawn", "wire": None}]


@pytest.mark.parametrize(
    "change",
    [
        "update effects set request = '{}'",
        "update effects set request_sha256 = repeat('0', 64)",
        "update effects set amount_minor = 1",
        "update effects set path = '{vp}'",
        "update effects set wire = '{}'",
        "update effects set generation = 0",
        "delete from effects",
    ],
)
def test_what_is_frozen_cannot_be_changed_by_sql(company: Company, change: str) -> None:
    company.propose("40.00")
    company.send(CREDIT)

    with pytest.raises(DBAPIError, match=r"is frozen|generation_counts"):
        company.run(change)
