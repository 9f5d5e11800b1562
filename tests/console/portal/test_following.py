"""A dispute as the customer follows it: no internal word, an answer that counts once, and taking it back."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import insert

from adapters.postgres.tables import effects, sent_mail
from billing.cases import CaseStory, Ending, Judgement, Opening, Stage
from billing.disputes import Resolution
from billing.effects import EffectKind, EffectState
from billing.emails import CustomerAsked, DisputeResolved, Letter, Recipient
from billing.money import Money
from starters import disputes
from starters.connect import connect
from tests.console.portal.customer import Customer, Page, reference_in, visiting
from tests.console.portal.test_words import INTERNAL, NOW, story
from tests.console.portal.usage import Meridian
from tests.starters.desk import NOBODY_LISTENS, CaseDesk, ticket


async def test_no_internal_note_is_shown(customer: Customer) -> None:
    reference = reference_in(await customer.contests(description="What they wrote themselves."))
    await disputes.judge(customer.desk.client, f"dispute/{reference}", _judgement())

    page = await customer.looks(f"/disputes/{reference}")

    timeline = await customer.desk.timeline(reference)
    assert any("lead-1 judged" in line for line in timeline)
    assert not [line for line in timeline if line in page.words]
    assert "lead-1" not in page.words


async def test_while_we_wait_the_question_and_a_box_for_the_answer_are_there(
    customer: Customer, meridian: Meridian, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = reference_in(await customer.contests())
    _was_written(
        meridian, reference, CustomerAsked(ticket_id=reference, question="Which key?\n<b>Yours?</b>", closes_at=NOW)
    )
    _tells(monkeypatch, story(case_id=f"dispute/{reference}", waiting_for_customer=True))

    page = await customer.looks(f"/disputes/{reference}")

    assert "Which key? <b>Yours?</b>" in page.words
    assert "text" in page.fields
    assert "b" not in page.tags()
    assert INTERNAL not in page.words
    assert "The time stands still until we have your answer." in page.words


async def test_without_a_question_there_is_no_box(customer: Customer) -> None:
    page = await customer.looks(f"/disputes/{reference_in(await customer.contests())}")

    assert "text" not in page.fields


async def test_an_answer_reaches_the_case_once_and_without_card_numbers(
    customer: Customer, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = reference_in(await customer.contests())
    with monkeypatch.context() as asked:
        _tells(asked, story(waiting_for_customer=True))
        form = await customer.looks(f"/disputes/{reference}")
    answer = {"token": _token_of(form, "reply"), "text": "Ours, 4111 1111 1111 1111."}

    sent = [await customer.sends(f"/disputes/{reference}/reply", answer) for _ in range(2)]
    page = await customer.looks(sent[0].headers["Location"])

    assert [one.status_code for one in sent] == [303, 303]
    assert (await customer.desk.timeline(reference))[1:] == ["reply: Ours, [card number removed]."]
    assert "Thank you, we have your answer." in page.words


@pytest.mark.parametrize(
    ("text", "token", "status", "sentence"),
    [
        ("", None, 422, "Write something first."),
        ("x" * 20_001, None, 422, "Keep it below 20,000 characters"),
        ("Ours.", "forged.token", 403, "Nothing was sent"),
    ],
)
async def test_an_answer_that_cannot_be_taken_comes_back(
    customer: Customer, monkeypatch: pytest.MonkeyPatch, text: str, token: str | None, status: int, sentence: str
) -> None:
    reference = reference_in(await customer.contests())
    _tells(monkeypatch, story(waiting_for_customer=True))
    form = await customer.looks(f"/disputes/{reference}")

    sent = await customer.sends(
        f"/disputes/{reference}/reply", {"token": token or _token_of(form, "reply"), "text": text}
    )

    page = Page(sent)
    assert (sent.status_code, sentence in page.words) == (status, True)
    assert page.fields["text"] == text
    monkeypatch.undo()
    assert len(await customer.desk.timeline(reference)) == 1


async def test_a_dispute_is_withdrawn_and_withdrawing_it_again_says_that_it_is_over(customer: Customer) -> None:
    reference = reference_in(await customer.contests())
    form, open_elsewhere = [await customer.looks(f"/disputes/{reference}") for _ in range(2)]
    wish = {"token": _token_of(form, "withdraw"), "reason": "We found it; card 4111111111111111."}

    sent = await customer.sends(f"/disputes/{reference}/withdraw", wish)
    page = await customer.looks(sent.headers["Location"])
    late = await customer.sends(f"/disputes/{reference}/withdraw", {"token": _token_of(open_elsewhere, "withdraw")})

    assert (sent.status_code, late.status_code) == (303, 409)
    assert "It is too late to withdraw" in late.text
    assert "You withdrew it; nothing was changed" in page.words
    assert "withdraw" not in [known.get("action", "").rsplit("/", 1)[-1] for _, known in page.elements]
    assert (await customer.desk.timeline(reference))[1:] == [
        "withdrawn by the customer's portal: We found it; card [card number removed]."
    ]


async def test_a_closed_dispute_takes_no_answer_and_says_where_to_write_instead(customer: Customer) -> None:
    reference = reference_in(await customer.contests())
    with pytest.MonkeyPatch.context() as asked:
        _tells(asked, story(waiting_for_customer=True))
        form = await customer.looks(f"/disputes/{reference}")
    await customer.sends(f"/disputes/{reference}/withdraw", {"token": _token_of(form, "withdraw")})

    sent = await customer.sends(f"/disputes/{reference}/reply", {"token": _token_of(form, "reply"), "text": "Wait!"})

    page = Page(sent)
    assert sent.status_code == 409
    assert "Please reply to our last letter instead." in page.words
    assert page.fields["text"] == "Wait!"


async def test_the_outcome_is_told_in_the_words_of_its_letter(
    customer: Customer, meridian: Meridian, monkeypatch: pytest.MonkeyPatch
) -> None:
    reference = reference_in(await customer.contests())
    outcome = DisputeResolved(
        ticket_id=reference,
        invoice_number="INV-2026-10-meridian",
        resolution=Resolution.CUSTOMER_CORRECT,
        credit=Money(minor=48_00, currency="EUR"),
        issue="the usage counted",
        summary="12 events were counted twice.",
        findings=("12 events were counted twice.", "<script>They added 480 units.</script>"),
        credit_note_number="CN-1",
        corrected_invoice_number="INV-2026-10-meridian-R2",
    )
    _was_written(meridian, reference, outcome)
    credited = Money(minor=48_00, currency="EUR")
    _tells(monkeypatch, story(stage=Stage.CLOSED, ending=Ending.CREDITED, credited=credited))

    page = await customer.looks(f"/disputes/{reference}")

    assert "You were right, and we gave the money back" in page.words
    assert "Given back 48,00 €" in page.words
    assert "<script>They added 480 units.</script>" in page.words
    assert "Credit note CN-1, corrected invoice INV-2026-10-meridian-R2." in page.words
    assert "script" not in page.tags()


async def test_right_after_sending_the_reference_alone_proves_whose_it_is(customer: Customer, desk: CaseDesk) -> None:
    reference = reference_in(await customer.contests())
    away = await connect(desk.settings.model_copy(update={"temporal_address": NOBODY_LISTENS}))

    async with (
        visiting(replace(desk, client=away), "meridian") as stranded,
        visiting(replace(desk, client=away), "rival") as rival,
    ):
        mine = await stranded.looks(f"/disputes/{reference}?told=sent")
        theirs = await rival.looks(f"/disputes/{reference}")

    assert (mine.status, theirs.status) == (200, 503)
    assert "We have your dispute" in mine.words
    assert reference in mine.words


async def test_disputes_of_the_support_desk_are_followed_too(customer: Customer) -> None:
    one = ticket(tenant_id="meridian", currency="EUR")
    await disputes.open_dispute(customer.desk.client, Opening(ticket=one), task_queue=customer.desk.settings.task_queue)

    page = await customer.looks(f"/disputes/{one.ticket_id}")

    assert (page.status, one.ticket_id in page.words) == (200, True)


def _judgement() -> Any:
    return Judgement(
        by="lead-1", resolution=Resolution.PARTIAL, amount=Money(minor=100, currency="EUR"), reason="half of it"
    )


def _tells(monkeypatch: pytest.MonkeyPatch, told: CaseStory) -> None:
    """Let the case stand where the story says; the stand-in knows one stage only."""

    async def tell(*_: object) -> CaseStory:
        return told

    monkeypatch.setattr("console.portal.disputes.stories.tell", tell)


def _token_of(page: Page, deed: str) -> str:
    """The token of one of the page's two forms."""
    tokens: dict[str, str] = {}
    form = ""
    for tag, known in page.elements:
        if tag == "form":
            form = known["action"].rsplit("/", 1)[-1]
        if tag == "input" and known.get("name") == "token":
            tokens[form] = known["value"]
    return tokens[deed]


def _was_written(meridian: Meridian, reference: str, payload: Any) -> None:
    letter = Letter(
        op_key=f"dispute/{reference}/letter/{payload.template}",
        case_id=f"dispute/{reference}",
        tenant_id="meridian",
        to=Recipient(email="accounts@meridian.example"),
        payload=payload,
    )
    effect = {
        "op_key": letter.op_key,
        "kind": EffectKind.LETTER.value,
        "case_id": letter.case_id,
        "state": EffectState.CONFIRMED.value,
        "request": letter.model_dump(mode="json"),
        "request_sha256": "0" * 64,
        "provider_id": f"<{reference}@provider.example>",
    }
    row = {
        "op_key": letter.op_key,
        "message_id": f"<{reference}@provider.example>",
        "case_id": letter.case_id,
        "template": payload.template,
        "recipient": letter.to.email,
        "subject": "About your dispute",
        "state": "sent",
        "sent_at": NOW,
        "letter": letter.model_dump(mode="json"),
    }
    with meridian.engine.begin() as connection:
        connection.execute(insert(effects).values(effect))
        connection.execute(insert(sent_mail).values(row))
