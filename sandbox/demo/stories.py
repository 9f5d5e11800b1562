"""Five of the demo's six disputes, each from a ticket to its ending; the sixth, the crash, has a file of its own."""

import asyncio

from billing.cases import CaseStory, Ending
from sandbox.demo.stage import Stage, Told, expect
from sandbox.sample_data.stories import ticket


async def double_counted_usage(stage: Stage) -> Told:
    """Enterprise, events counted twice, under $50: nobody is needed."""
    case = await stage.ticket_arrives(ticket("T-4711"))
    story = await stage.ends(case)
    expect(story.ending, Ending.CREDITED, "the ending")
    expect(story.approval, None, "an open question")
    return Told("Double-counted events, credited without a person", story, Ending.CREDITED, _money(story))


async def broken_promises(stage: Stage) -> Told:
    """Pro, the service was worse than promised: a fair part, over $500, so the VP decides."""
    case = await stage.ticket_arrives(ticket("T-4712"))
    question = await stage.asks_for(case, "vp")
    refused = await stage.operator("lead-1", f"/approvals/{question}/approve", reason="looks right to me")
    expect("error" in refused or refused.get("accepted") is False, True, "that a lead may not approve this")
    await stage.operator("vp-1", f"/approvals/{question}/approve", reason="the outage was ours")
    story = await stage.ends(case)
    expect(story.ending, Ending.PARTIALLY_CREDITED, "the ending")
    checked = ("the lead tried first and was refused", *_money(story))
    return Told(
        "Service below its promise, partial credit approved by the VP", story, Ending.PARTIALLY_CREDITED, checked
    )


async def a_customer_is_asked_twice(stage: Stage) -> Told:
    """The clocks stand still twice while the customer answers."""
    case = await stage.ticket_arrives(ticket("T-4713"))
    await stage.needs_judgement(case)
    for number, question in enumerate(("Which of your services made these calls?", "Did it retry on errors?"), start=1):
        await stage.operator("agent-1", f"/cases/{case}/ask", text=question)
        paused = await stage.until(case, "the customer's turn", lambda story: story.waiting_for_customer)
        expect(
            {clock.state for clock in paused.clocks} <= {"paused", "met", "met late", "breached"}, True, "paused clocks"
        )
        await asyncio.sleep(1.5)
        await stage.operator("agent-1", f"/cases/{case}/reply", text="Our nightly import.", reply_id=f"mail-{number}")
        await stage.until(case, "the answer", lambda story: not story.waiting_for_customer)
    found = (await stage.story(case)).proposed
    assert found is not None  # noqa: S101 - a case that waits for an analyst has a proposal
    await stage.operator(
        "agent-1",
        f"/cases/{case}/judge",
        resolution="partial",
        amount=f"{found.major:f}",
        currency=found.currency,
        reason="the doubled part of the import is credited, the rest was used",
    )
    question_id = await stage.asks_for(case, "agent")
    await stage.operator("agent-2", f"/approvals/{question_id}/approve", reason="agreed")
    story = await stage.ends(case)
    expect(story.ending, Ending.PARTIALLY_CREDITED, "the ending")
    pauses = sum("the clocks stand still" in line.text for line in story.timeline)
    expect(pauses, 2, "how often the clocks were paused")
    return Told("The clock pauses twice while the customer answers", story, Ending.PARTIALLY_CREDITED, _money(story))


async def the_bill_was_right(stage: Stage) -> Told:
    """Nothing wrong is found: an explanation, and a gesture for the trouble, in yen."""
    case = await stage.ticket_arrives(ticket("T-4714"))
    await stage.needs_judgement(case)
    await stage.operator(
        "agent-1",
        f"/cases/{case}/judge",
        resolution="billing_correct",
        amount="3000",
        currency="JPY",
        reason="every call is in the logs; thank you for looking so closely",
        goodwill=True,
    )
    question = await stage.asks_for(case, "agent")
    own = await stage.operator("agent-1", f"/approvals/{question}/approve", reason="my own idea")
    expect("error" in own or own.get("accepted") is False, True, "that nobody approves their own request")
    await stage.operator("agent-2", f"/approvals/{question}/approve", reason="a fair gesture")
    story = await stage.ends(case)
    expect(story.ending, Ending.CONFIRMED, "the ending")
    checked = ("agent-1 could not approve what agent-1 asked for", *_money(story))
    return Told("The bill was right: an explanation and goodwill", story, Ending.CONFIRMED, checked)


async def a_stolen_key(stage: Stage) -> Told:
    """Over $1,000 and a security matter: escalated at once, rejected by the lead, judged anew, approved."""
    case = await stage.ticket_arrives(ticket("T-4715"))
    question = await stage.asks_for(case, "lead")
    await stage.operator("lead-1", f"/approvals/{question}/reject", reason="the second network is the thief's too")
    await stage.needs_judgement(case)
    story = await stage.story(case)
    await stage.operator(
        "agent-1",
        f"/cases/{case}/judge",
        resolution="customer_correct",
        amount=f"{story.disputed.major:f}",
        currency=story.disputed.currency,
        reason="both networks belong to whoever stole the key",
    )
    await stage.operator("vp-1", f"/approvals/{await stage.asks_for(case, 'vp')}/approve", reason="agreed")
    story = await stage.ends(case)
    expect(story.ending, Ending.CREDITED, "the ending")
    expect(any("escalated at once" in line.text for line in story.timeline), True, "that it escalated at once")
    return Told("A stolen key: escalated, rejected, revised, approved", story, Ending.CREDITED, _money(story))


def _money(story: CaseStory) -> tuple[str, ...]:
    return (f"disputed {story.disputed}, credited {story.credited or 'nothing'}",)


STORIES = (double_counted_usage, broken_promises, a_customer_is_asked_twice, the_bill_was_right, a_stolen_key)
