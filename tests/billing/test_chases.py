"""What a case knows of the retries of an invoice, and when the customer must hear of it again."""

from __future__ import annotations

import pytest

from billing.declines import Advice
from billing.payments import AttemptResult, AttemptTold, Origin, Outcome, RetryPhase
from billing.recovery import Chase


def told(origin: Origin | None, advice: Advice | None, phase: RetryPhase = RetryPhase.STOPPED) -> AttemptTold:
    """What the retries say after an attempt of this origin, or of themselves."""
    result = origin and AttemptResult(outcome=Outcome.DECLINED, advice=advice, words="declined")
    return AttemptTold(invoice_id="in-1", origin=origin, result=result, phase=phase, advice=advice)


@pytest.mark.parametrize(
    ("news", "asked"),
    [
        (told(None, Advice.ASK_FOR_NEW_METHOD), True),
        (told(Origin.MANUAL, Advice.ASK_FOR_NEW_METHOD), True),
        (told(Origin.SCHEDULED, Advice.ASK_FOR_NEW_METHOD), False),
        (told(Origin.CARD_UPDATE, Advice.ASK_FOR_NEW_METHOD), False),
        (told(Origin.CARD_UPDATE, Advice.RETRY, RetryPhase.RETRYING), True),
    ],
)
def test_who_was_asked_for_another_card_is_asked_again_only_when_that_one_is_declined_so_too(
    news: AttemptTold, asked: bool
) -> None:
    chase = Chase(invoice_id="in-1", asked=True).after(news)

    assert (chase.asked, chase.reported) == (asked, True)


@pytest.mark.parametrize("advice", [None, *Advice])
@pytest.mark.parametrize("phase", RetryPhase)
def test_another_card_is_asked_for_only_while_nothing_else_is_tried(advice: Advice | None, phase: RetryPhase) -> None:
    chase = Chase(invoice_id="in-1").after(told(None, advice, phase))

    assert chase.asks_for_method is (advice is Advice.ASK_FOR_NEW_METHOD and phase is RetryPhase.STOPPED)
