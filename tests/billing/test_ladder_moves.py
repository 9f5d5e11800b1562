"""What moves a case on the ladder besides time: holds, disputes, younger and older debts, tiers and arrangements."""

from __future__ import annotations

from datetime import date

import pytest

from billing.delinquency import ActionKind, Contest, Standing
from billing.ladder import ahead, next_action
from billing.ladder_moves import (
    anchored,
    changed_tier,
    exempted,
    exemption_over,
    extended,
    interrupted,
    promise_over,
    promised,
    restored,
    resumed,
    stopped,
)
from billing.policy.dunning import DUNNING
from billing.rungs import Rung
from billing.tenants import Tier
from tests.billing.debtors import DAY, FAILED, Story, case, day, debt, service, story


def to_come(standing: Standing, at: float) -> dict[str, float]:
    """The rungs ahead and their days."""
    return {rung.value: (moment - FAILED) / DAY for rung, moment in ahead(standing, DUNNING, day(at))}


class TestHolds:
    """Time under a hold does not count against the customer."""

    @pytest.mark.parametrize("begins", [0, 1, 3, 6.5])
    def test_three_days_under_a_hold_move_everything_by_three_days(self, begins: float) -> None:
        before = story(Tier.PRO, until=begins).standing

        after = resumed(stopped(before, day(begins)), day(begins + 3))

        assert to_come(after, begins + 3) == {
            rung: at + 3 for rung, at in to_come(before, begins).items()
        }  # fmt: skip

    def test_nothing_happens_while_it_is_in_force_and_what_was_due_comes_when_it_is_gone(self) -> None:
        held = stopped(story(Tier.PRO, until=6).standing, day(6))

        during = next_action(held, DUNNING, day(30))
        after = Story(resumed(held, day(30)), at=30).until(40)

        assert during is None
        assert service(after.lines) == ["31 rate-limited", "34 blocked", "38 suspended"]

    def test_two_holds_at_once_take_their_time_once(self) -> None:
        both = stopped(stopped(case(), day(1)), day(2))

        after = resumed(both, day(4))

        assert to_come(after, 4)["rate_limited"] == 10

    def test_a_hold_that_came_and_went_while_nobody_looked_counts_all_the_same(self) -> None:
        late = interrupted(case(), day(1), day(4))

        assert to_come(late, 5)["rate_limited"] == 10

    def test_a_hold_during_the_ninety_days_keeps_the_data_longer(self) -> None:
        suspended = story(Tier.PRO, until=80).standing

        after = resumed(stopped(suspended, day(80)), day(100))

        assert to_come(after, 100) == {"awaiting_deletion": 124}

    def test_releasing_what_is_not_held_changes_nothing(self) -> None:
        assert resumed(case(), day(3)) == case()


class TestDisputes:
    """An open dispute stops the time of its invoice and of no other."""

    def test_the_only_invoice_disputed_leaves_the_case_where_it_is(self) -> None:
        limited = story(Tier.PRO, until=8).standing

        disputed = anchored(limited, [debt(disputed=True)], day(8), DUNNING)

        assert disputed.rung is Rung.RATE_LIMITED
        assert next_action(disputed, DUNNING, day(60)) is None

    def test_decided_against_the_customer_it_goes_on_where_it_stood(self) -> None:
        disputed = anchored(story(Tier.PRO, until=8).standing, [debt(disputed=True)], day(8), DUNNING)

        decided = anchored(disputed, [debt()], day(28), DUNNING)

        assert to_come(decided, 28) == {"blocked": 30, "suspended": 34, "awaiting_deletion": 124}

    def test_others_go_on_at_their_own_age(self) -> None:
        two = story(Tier.PRO, debt("in-1"), debt("in-2", since=4), until=5).standing

        disputed = anchored(two, [debt("in-1", disputed=True), debt("in-2", since=4)], day(5), DUNNING)

        assert disputed.anchor == day(4)
        assert to_come(disputed, 5)["rate_limited"] == 11

    def test_a_disputed_debt_holds_the_place_it_had_while_a_younger_one_is_chased(self) -> None:
        limited = story(Tier.PRO, debt("in-1"), debt("in-2", since=6), until=8).standing

        disputed = anchored(limited, [debt("in-1", disputed=True), debt("in-2", since=6)], day(8), DUNNING)

        assert disputed.rung is Rung.RATE_LIMITED
        assert to_come(disputed, 8)["blocked"] == 16

    def test_a_second_dispute_adds_to_the_first(self) -> None:
        standing = case()
        for begins, ends in ((1, 2), (3, 5)):
            standing = anchored(standing, [debt(disputed=True)], day(begins), DUNNING)
            standing = anchored(standing, [debt()], day(ends), DUNNING)

        assert to_come(standing, 5)["rate_limited"] == 10

    @pytest.mark.parametrize("seen_open", [None, 4, 8])
    def test_what_is_contested_with_us_counts_from_its_opening_to_its_close_whenever_we_look(
        self, seen_open: float | None
    ) -> None:
        standing = case()
        contest = Contest(invoice_id=debt().invoice_id, opened_at=day(3))
        if seen_open:
            standing = anchored(standing, [debt(disputed=True)], day(seen_open), DUNNING, [contest])

        decided = contest.model_copy(update={"closed_at": day(9)})
        for looked in (9.5, 9.7):
            standing = anchored(standing, [debt()], day(looked), DUNNING, [decided])

        assert to_come(standing, 9.7)["rate_limited"] == 13

    def test_a_contest_that_nobody_told_of_gives_back_what_was_limited_meanwhile(self) -> None:
        limited = story(Tier.PRO, until=8).standing

        contested = Contest(invoice_id=debt().invoice_id, opened_at=day(3))
        eased = anchored(limited, [debt(disputed=True)], day(8), DUNNING, [contested])

        assert (limited.rung, eased.rung) == (Rung.RATE_LIMITED, Rung.GRACE)

    def test_what_is_known_of_an_invoices_dispute_goes_with_the_invoice(self) -> None:
        disputed = anchored(case(), [debt(disputed=True)], day(1), DUNNING)

        paid = anchored(disputed, [debt("in-2", since=1)], day(2), DUNNING)

        assert paid.disputes == {}


class TestAnchor:
    """The ladder stands on the oldest unpaid debt, and begins again further down when a younger one is left."""

    def test_a_younger_debt_eases_the_service_to_the_rung_that_fits(self) -> None:
        blocked = story(Tier.PRO, debt("in-1"), debt("in-2", since=4), until=11.5)
        assert blocked.standing.rung is Rung.BLOCKED

        blocked.standing = anchored(blocked.standing, [debt("in-2", since=4)], day(11.5), DUNNING)

        assert blocked.standing.rung is Rung.RATE_LIMITED
        assert service(blocked.until(30).lines)[-2:] == ["14 blocked-turn-2", "18 suspended-turn-2"]

    def test_back_in_grace_the_customer_is_warned_again_before_it_is_limited_again(self) -> None:
        limited = story(Tier.PRO, debt("in-1"), debt("in-2", since=6), until=8)

        limited.standing = anchored(limited.standing, [debt("in-2", since=6)], day(8), DUNNING)
        eased = limited.standing.rung
        limited.lines.clear()

        assert eased is Rung.GRACE
        assert service(limited.until(30).lines) == [
            "8 final-warning-turn-2", "13 rate-limited-turn-2", "16 blocked-turn-2", "20 suspended-turn-2"
        ]  # fmt: skip

    def test_no_rung_is_entered_again_within_its_least_stay(self) -> None:
        # The younger debt would be blocked half an hour after the older one was paid.
        blocked = story(Tier.PRO, debt("in-1"), debt("in-2", since=2), until=11.9)

        blocked.standing = anchored(blocked.standing, [debt("in-2", since=2)], day(11.9), DUNNING)

        assert blocked.standing.rung is Rung.RATE_LIMITED
        assert to_come(blocked.standing, 11.9)["blocked"] == pytest.approx(13.9)

    def test_a_debt_of_the_same_age_changes_nothing(self) -> None:
        limited = story(Tier.PRO, debt("in-1"), debt("in-2"), until=8).standing

        after = anchored(limited, [debt("in-2")], day(8), DUNNING)

        assert after == limited.model_copy(update={"debts": (debt("in-2"),)})

    def test_a_part_payment_changes_what_is_owed_and_nothing_else(self) -> None:
        limited = story(Tier.PRO, until=8).standing

        after = anchored(limited, [debt(net=100)], day(8), DUNNING)

        assert after == limited.model_copy(update={"debts": (debt(net=100),)})
        assert [str(owed) for owed in after.owed] == ["USD 1.00"]

    def test_reminders_that_lie_ahead_again_are_sent_again(self) -> None:
        played = story(Tier.PRO, debt("in-1"), debt("in-2", since=8), until=9.5)
        assert "reminder-1" in played.standing.done

        played.standing = anchored(played.standing, [debt("in-2", since=8)], day(9.5), DUNNING)
        played.lines.clear()

        assert [line for line in played.until(25).lines if "reminder" in line] == [
            "17 reminder-1-turn-2", "25 reminder-2-turn-2"
        ]  # fmt: skip

    def test_an_older_debt_climbs_rung_by_rung_each_with_its_notice(self) -> None:
        young = story(Tier.PRO, debt("in-2", since=20), at=20, until=20)
        assert young.standing.told == day(27)

        young.standing = anchored(young.standing, [debt("in-1"), debt("in-2", since=20)], day(20), DUNNING)

        assert service(young.until(60).lines)[1:] == ["20 grace", "27 rate-limited", "29 blocked", "31 suspended"]

    def test_all_paid_leaves_the_standing_as_it_was_without_debts(self) -> None:
        limited = story(Tier.PRO, until=8).standing

        paid = anchored(limited, [], day(8), DUNNING)

        assert paid == limited.model_copy(update={"debts": ()})
        assert paid.anchor is None


class TestTiers:
    """A change of tier keeps the anchor and what was done; the new row's times apply from then on."""

    def test_an_upgrade_eases_the_service_and_gives_the_longer_grace(self) -> None:
        limited = story(Tier.PRO, until=8)

        limited.standing = changed_tier(limited.standing, Tier.ENTERPRISE, day(8), DUNNING)
        eased = limited.standing.rung
        limited.lines.clear()

        assert eased is Rung.GRACE
        assert service(limited.until(30).lines) == [
            "8 final-warning-turn-2", "14 rate-limited-turn-2", "17 blocked-turn-2", "21 suspended-turn-2"
        ]  # fmt: skip

    def test_a_downgrade_after_the_warning_keeps_the_date_that_was_told(self) -> None:
        warned = story(Tier.ENTERPRISE, until=10)

        warned.standing = changed_tier(warned.standing, Tier.PRO, day(10), DUNNING)

        assert service(warned.until(40).lines)[2:] == ["14 rate-limited", "16 blocked", "18 suspended"]

    def test_a_downgrade_before_the_warning_warns_at_once_and_waits_the_least_stay(self) -> None:
        graced = story(Tier.ENTERPRISE, until=6)

        graced.standing = changed_tier(graced.standing, Tier.PRO, day(6), DUNNING)

        assert service(graced.until(40).lines)[1:] == [
            "6 final-warning", "8 rate-limited", "10 blocked", "14 suspended"
        ]  # fmt: skip

    def test_down_to_free_in_the_middle_is_not_harsher_at_that_moment(self) -> None:
        graced = story(Tier.PRO, until=3)

        graced.standing = changed_tier(graced.standing, Tier.FREE, day(3), DUNNING)

        # Free has no grace, yet day 7 was told.
        assert service(graced.until(40).lines)[2:] == ["7 rate-limited", "9 blocked", "11 suspended"]

    def test_down_to_free_before_anything_was_told_warns_and_waits(self) -> None:
        graced = story(Tier.ENTERPRISE, until=3)

        graced.standing = changed_tier(graced.standing, Tier.FREE, day(3), DUNNING)

        assert service(graced.until(40).lines)[1:] == [
            "3 final-warning", "5 rate-limited", "7 blocked", "9 suspended"
        ]  # fmt: skip

    @pytest.mark.parametrize("old", Tier)
    @pytest.mark.parametrize("new", Tier)
    @pytest.mark.parametrize("at", [0, 1, 5, 8, 12, 16, 25])
    def test_nothing_is_limited_further_at_the_moment_of_any_change(self, old: Tier, new: Tier, at: float) -> None:
        before = story(old, until=at).standing

        after = changed_tier(before, new, day(at), DUNNING)
        first = next(iter(to_come(after, at).values()))

        assert after.rung.place <= before.rung.place
        assert first > at or after.rung is Rung.RETRYING

    def test_the_same_tier_is_no_change(self) -> None:
        assert changed_tier(case(Tier.PRO), Tier.PRO, day(1), DUNNING) == case(Tier.PRO)

    def test_the_new_tiers_contacts_take_the_place_of_the_old_ones(self) -> None:
        moved = Story(changed_tier(story(Tier.PRO, until=12).standing, Tier.ENTERPRISE, day(12), DUNNING), at=12)

        contacts = [line for line in moved.until(40).lines if "reminder" in line or "account" in line]

        assert contacts == ["14 account-manager-1-turn-2", "30 account-manager-2-turn-2"]


class TestArrangements:
    """A promise waits where the case is; an extension moves what follows; an exemption gives the service back."""

    @pytest.mark.parametrize(("reached", "rung"), [(3, Rung.GRACE), (8, Rung.RATE_LIMITED), (12, Rung.BLOCKED)])
    def test_a_broken_promise_resumes_at_the_same_rung(self, reached: float, rung: Rung) -> None:
        before = story(Tier.PRO, until=reached)
        plan = to_come(before.standing, reached)

        waiting = promised(before.standing, date(2026, 3, 20), day(reached + 5), day(reached))
        due = next_action(waiting, DUNNING, day(reached))
        broken = promise_over(waiting, day(reached + 5))

        assert due and (due.kind, due.at, due.name) == (ActionKind.PROMISE_DUE, day(reached + 5), "promise-1-due")
        assert broken.rung is rung
        assert to_come(broken, reached + 5) == {name: at + 5 for name, at in plan.items()}

    def test_a_hold_gives_the_customer_its_time_to_keep_the_promise(self) -> None:
        waiting = promised(case(), date(2026, 3, 7), day(5), day(0))

        held = stopped(waiting, day(1))
        during, after = next_action(held, DUNNING, day(2)), next_action(resumed(held, day(4)), DUNNING, day(4))

        assert during is None
        assert after and (after.kind, after.at) == (ActionKind.PROMISE_DUE, day(8))

    def test_a_promise_taken_back_lets_time_go_on_from_then(self) -> None:
        waiting = promised(story(Tier.PRO, until=3).standing, date(2026, 3, 12), day(10), day(3))

        back = promise_over(waiting, day(4))

        assert to_come(back, 4)["rate_limited"] == 8

    def test_a_second_promise_has_a_name_of_its_own(self) -> None:
        once = promise_over(promised(case(), date(2026, 3, 4), day(2), day(0)), day(2))

        twice = next_action(promised(once, date(2026, 3, 6), day(4), day(2)), DUNNING, day(2))

        assert twice and twice.name == "promise-2-due"

    def test_an_extension_moves_the_end_of_grace_and_what_follows(self) -> None:
        extended_by_five = extended(story(Tier.PRO, until=3).standing, 5, day(3), DUNNING)

        assert service(Story(extended_by_five, at=3).until(30).lines) == [
            "5 final-warning-turn-2", "12 rate-limited-turn-2", "15 blocked-turn-2", "19 suspended-turn-2"
        ]  # fmt: skip

    def test_an_extension_after_the_fact_eases_the_service(self) -> None:
        limited = extended(story(Tier.PRO, until=8).standing, 5, day(8), DUNNING)

        assert limited.rung is Rung.GRACE
        assert to_come(limited, 8)["rate_limited"] == 12

    def test_an_exemption_gives_the_service_back_and_nothing_is_chased_until_it_is_over(self) -> None:
        exempt = exempted(story(Tier.PRO, until=12).standing, day(32), day(12))

        played = Story(exempt, at=12).until(60)

        assert exempt.rung is Rung.GRACE
        assert played.lines[0] == "32 exemption-over-turn-2"
        assert service(played.lines) == [
            "32 final-warning-turn-2", "34 rate-limited-turn-2", "36 blocked-turn-2", "38 suspended-turn-2"
        ]  # fmt: skip

    def test_an_exemption_taken_back_early_ends_then(self) -> None:
        exempt = exempted(story(Tier.PRO, until=3).standing, day(33), day(3))

        over = exemption_over(exempt, day(5))

        assert over.exemption is None
        assert over.exempted_for == 2 * DAY
        assert to_come(over, 5)["rate_limited"] == 9

    def test_a_longer_exemption_takes_the_place_of_a_shorter(self) -> None:
        exempt = exempted(exempted(case(), day(10), day(1)), day(20), day(5))

        over = next_action(exempt, DUNNING, day(5))

        assert over and (over.kind, over.at) == (ActionKind.EXEMPTION_OVER, day(20))
        assert to_come(exempt, 5)["rate_limited"] == 26

    def test_service_given_back_by_hand_is_limited_again_only_after_a_warning(self) -> None:
        given = restored(story(Tier.PRO, until=12).standing, day(12))

        assert service(Story(given, at=12).until(40).lines) == [
            "12 final-warning-turn-2", "14 rate-limited-turn-2", "16 blocked-turn-2", "18 suspended-turn-2"
        ]  # fmt: skip

    def test_what_was_never_agreed_cannot_end(self) -> None:
        assert promise_over(case(), day(3)) == case()
        assert exemption_over(case(), day(3)) == case()


class TestDeletion:
    """Data goes only after it was kept for ninety days and announced 30 and 7 days before."""

    def test_notices_that_were_missed_move_the_deletion(self) -> None:
        suspended = story(Tier.PRO, until=20)

        late = Story(suspended.standing).asleep_until(150).until(400)

        assert service(late.lines) == ["180 awaiting-deletion"]
        assert [line for line in late.lines if "deletion-notice" in line] == [
            "150 deletion-notice-30", "173 deletion-notice-7"
        ]  # fmt: skip

    def test_whoever_pays_the_old_debt_hears_of_deletion_anew(self) -> None:
        noticed = story(Tier.PRO, debt("in-1"), debt("in-2", since=70), until=80)
        assert "deletion-notice-30" in noticed.standing.done

        noticed.standing = anchored(noticed.standing, [debt("in-2", since=70)], day(80), DUNNING)
        noticed.lines.clear()

        assert service(noticed.until(300).lines)[-2:] == ["84 suspended-turn-2", "174 awaiting-deletion-turn-2"]
        assert [line for line in noticed.lines if "deletion-notice" in line] == [
            "144 deletion-notice-30-turn-2", "167 deletion-notice-7-turn-2"
        ]  # fmt: skip

    def test_a_handed_over_case_has_nothing_left_to_do(self) -> None:
        gone = story(Tier.PRO, until=110).standing

        assert gone.rung is Rung.AWAITING_DELETION
        assert next_action(gone, DUNNING, day(500)) is None

    def test_a_younger_debt_takes_a_case_back_from_deletion(self) -> None:
        gone = story(Tier.PRO, debt("in-1"), debt("in-2", since=100), until=106).standing

        back = anchored(gone, [debt("in-2", since=100)], day(106), DUNNING)

        assert back.rung is Rung.GRACE
