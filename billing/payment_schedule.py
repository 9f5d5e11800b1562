"""When a debt is charged next by itself: never sooner than the policy's steps, whoever was late, and never while stopped."""

from datetime import datetime, timedelta

from billing.policy.payments import PaymentPolicy


def next_charge_at(
    policy: PaymentPolicy,
    made: int,
    owed_since: datetime,
    last_tried_at: datetime | None,
    *,
    stood_still: timedelta = timedelta(0),
    delayed: bool = False,
) -> datetime | None:
    """The next scheduled charge after `made` of them; None when there is none left.

    `stood_still` is how long nothing was to be tried: the steps behind it move by that much. Between two charges there is
    never less than between their steps, so that late ones do not follow each other at once. `delayed`: the bank said no
    without a reason, and is left alone for longer.
    """
    if made >= len(policy.charge_after):
        return None
    after = policy.charge_after
    due = owed_since + after[made] + stood_still
    if last_tried_at is None:
        return due
    apart = after[made] - after[made - 1] if made else timedelta(0)
    if delayed:
        apart = max(apart, policy.do_not_honor_after)
    return max(due, last_tried_at + apart)
