"""Climbing and easing: what was seen moves the ladder, a step is taken only if the world is still the one it was planned in.

Everything that a customer feels or reads on the way leaves from here.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

from temporalio import workflow
from temporalio.exceptions import ActivityError

from activities.access import Access
from activities.delinquency import Delinquencies, LadderStep, Look, Restoration, Seen
from activities.letters import Notice
from activities.recovery_letters import LetterToTenant
from billing import recovery_letters as letters
from billing.access import Cause, LiftOrder, Restriction
from billing.announcing import announced_at, is_said_by
from billing.authority import Role
from billing.delinquency import Action, ActionKind, Standing
from billing.emails import HandedOver, Payload
from billing.failures import FINAL
from billing.ladder import contacted, opened, performed, restriction_of, told_what_follows
from billing.ladder_moves import anchored, changed_tier, interrupted, resumed, stopped
from billing.recovery_letters import RestoredBecause
from billing.recovery_steps import (
    coming,
    grace_left,
    in_words,
    is_silent,
    letter_of,
    limit_of,
    news_between,
    owed_by,
    owed_in_words,
)
from billing.rungs import Rung
from billing.tenants import Tenant
from workflows.blocks.pauses import TRIES_AGAIN_EVERY
from workflows.blocks.records import noted
from workflows.blocks.steps import MONEY, RECORD, code_of, step, words_of
from workflows.blocks.waiting import wait_for, wait_until
from workflows.delinquency_arranging import DelinquencyArranging

Done = TypeVar("Done")

_FAILED = "payment-failed"


class DelinquencyLadder(DelinquencyArranging):
    """What the procedure does between two waits."""

    async def look(self, *, fresh: bool = False) -> None:
        """Read the world, as the provider's events told of it or fresh at the provider, and move the ladder by it."""
        self.stirred = False
        order = self._look(fresh=fresh)
        if fresh:
            seen = await self.with_help(
                lambda: step(Delinquencies.look, order, allowance=MONEY, summary="read the debts at the provider")
            )
        else:
            seen = await self.with_help(lambda: noted(Delinquencies.look, order, summary="look at the debts"))
        self._take_in(seen)

    async def owes_again(self) -> bool:
        """Whether anything is owed at this moment, after the case was closed."""
        look = self._look(fresh=False)
        return bool((await noted(Delinquencies.look, look, summary="look once more before it is over")).debts)

    def _take_in(self, seen: Seen) -> None:
        """Time that did not count, another tier, other debts."""
        now, before = workflow.now(), self.standing
        standing = before or opened(
            seen.tier, self.case.calendar, seen.debts, now, self.dunning, contacts=self.case.contacts
        )
        standing = _with_holds(standing, seen, now)
        standing = changed_tier(standing, seen.tier, now, self.dunning)
        self.standing = anchored(standing, seen.debts, now, self.dunning, seen.contests)
        for sentence in news_between(before, self.standing, cancelled=seen.cancelled, knew=self.knew_cancelled):
            self.timeline.note(sentence)
        self.seen, self.service, self.knew_cancelled = seen, seen.service, seen.cancelled
        self.once_owed |= {debt.invoice_id for debt in seen.debts}
        self.show()

    async def is_spared(self) -> bool:
        """Take the tenant back from the purge wherever it stands lower by now; False when its data is going already."""
        to_go = bool(self.stands.debts) and self.stands.rung is Rung.AWAITING_DELETION
        if self.sees.deletion_began or to_go or not self.sees.awaits_deletion:
            return not self.sees.deletion_began
        spared = await self.with_help(
            lambda: noted(Delinquencies.spare, self.order.tenant_id, summary="take back from the purge")
        )
        self.seen = self.sees.model_copy(update={"awaits_deletion": False, "deletion_began": not spared})
        self.note("taken back from the retention purge" if spared else "too late to take back: the deletion has begun")
        return spared

    async def ease(self) -> None:
        """Give back at once what the ladder no longer takes: it was anchored anew, the grace extended, the tenant exempted."""
        wanted, _ = restriction_of(self.stands.rung, self.dunning)
        limit, why = self.limit, self._eased_because()
        self.decided = False
        if limit is None or limit.restriction.strictness <= wanted.strictness:
            return
        if wanted is Restriction.NONE:
            await self.give_back(why)
            self._has_told_what_follows()
            return
        name = self.name_once("eased")
        order = limit_of(self.stands.rung, self.order.tenant_id, self.case.case_id, name, self.dunning)
        self.service = await self.with_help(
            lambda: step(Access.restrict, order, allowance=RECORD, summary="ease the limit on the service")
        )
        self.note(f"service eased: {self.service.in_words()}")
        owed, later = owed_by(self.order.tenant_id, self.stands), coming(self.stands, self.dunning, workflow.now())
        self.write_to_tenant(name, letters.given_back(self.service, why, owed, later))
        self._has_told_what_follows()

    def announcement(self) -> datetime | None:
        """When the customer is told of a payment that failed and that no letter named yet, or that nothing but another way to
        pay helps; the first time at once, then as the contact budget allows. None when there is nothing to tell, or nothing
        may be chased."""
        again = [chase.invoice_id for chase in self.chases.values() if chase.asks_for_method and not chase.asked]
        return announced_at(self.stands, self.told_of, workflow.now(), self.dunning, again)

    def announce_debts(self, action: Action | None) -> None:
        """Tell of them when it is time, unless it goes with a step that is due as well."""
        letter = self._announcement()
        if letter and not (action and action.at <= workflow.now() and not is_silent(action)):
            self._has_announced()
            self.write_to_tenant(letter.name, letter.payload)

    async def climb(self, action: Action) -> None:
        """Take a step that the customer feels or reads; left when the world has moved since it was planned."""
        debtor = await self._debtor(action)
        if self.stirred:  # while the books were asked
            return
        announced = None if is_said_by(action, self.told_of) else self._announcement()
        planned, words = self._planned(action, announced, debtor), in_words(action, self.dunning)
        taken = await self.with_help(lambda: step(Delinquencies.take, planned, allowance=MONEY, summary=words))
        if not taken.taken:
            self._take_in(taken.seen)
            why = taken.seen.service.held or ("held" if taken.seen.held_by else "what is owed has changed")
            self.note(f"left undone: {words}; {why}")
            return
        if announced:
            self._has_announced()
        if planned.letters:  # a call and a hand-over tell the customer nothing
            self.told_of |= {debt.invoice_id for debt in planned.debts if not debt.disputed}
        self.has_done(action)
        self._take_in(taken.seen)  # what has moved since it was begun moves the ladder from where it stands now
        for letter in planned.letters:
            if letter.name in taken.unsent:
                self.write_to_tenant(letter.name, letter.payload)
        if planned.notice and planned.notice.name in taken.unsent:
            self.post(self.notify(planned.notice))

    def has_done(self, action: Action) -> None:
        """Put a step behind the case."""
        self.standing = performed(self.stands, action, workflow.now(), self.dunning)
        self.note(f"{in_words(action, self.dunning)}, {owed_in_words(self.stands)} is owed")

    async def give_back(self, why: RestoredBecause) -> None:
        """Lift every limit of recovery at once and say what is left of the service."""
        name = self.name_once("restored")
        lift = LiftOrder(
            tenant_id=self.order.tenant_id,
            cause=Cause.DELINQUENCY,
            reason=why.value,
            case_id=self.case.case_id,
            step=name,
        )
        later = coming(self.stands, self.dunning, workflow.now())
        order = Restoration(lift=lift, why=why, owed=owed_by(self.order.tenant_id, self.stands), later=later)
        done = await self.with_help(
            lambda: step(Delinquencies.restore, order, allowance=RECORD, summary="restore the service")
        )
        self.service = done.service
        self.note(f"restored, {why}: {done.service.in_words()}")
        if done.unsent:
            self.write_to_tenant(name, order.letter(done.service).payload)

    async def put_on_record(self) -> None:
        """What lists show of the case, here and in Temporal."""
        self.show()
        self.label()
        await self.with_help(lambda: noted(Delinquencies.tell, self.story(), summary="put on record where it stands"))

    async def with_help(self, attempt: Callable[[], Awaitable[Done]]) -> Done:
        """Do a step; when it fails for good, hand it over and do it again once it is repaired or anything is heard, and every
        hour where time may heal it: no case is ever lost."""
        heard = handed_over = False
        while True:
            try:
                done = await attempt()
                break
            except ActivityError as error:
                handed_over = True
                await self._hand_over(error)
                heard, self.stirred = heard or self.stirred, False
        if handed_over:
            self.repaired, self.needs_human, self.stirred = True, False, heard or self.stirred
            self.note("what was handed over is done")
        return done

    async def _hand_over(self, error: ActivityError) -> None:
        if self.repaired:
            self._ask_for_repair(words_of(error))

        def goes_on() -> bool:
            return self.repaired or self.stirred

        if code_of(error) in FINAL:
            await wait_for(goes_on)
        else:
            at = workflow.now() + TRIES_AGAIN_EVERY
            await wait_until(at, goes_on, name=f"try again {at:%a %d %b %H:%M} UTC")

    def _ask_for_repair(self, what_happened: str) -> None:
        self.repaired, self.needs_human = False, True
        self.next_step = f"a person repairs: {what_happened}"
        self.note(f"handed over to a person: {what_happened}")
        self.label()
        payload = HandedOver(
            case_id=self.order.workflow_id,
            step="recovery",
            what_happened=what_happened,
            what_to_do=f"Repair the cause, then: runbooks delinquency try-again {self.order.tenant_id}",
        )
        self.post(self.notify(self._notice(self.name_once("handed-over"), Role.FINANCE, payload)))

    def _announcement(self) -> LetterToTenant | None:
        """The letter about payments that failed, when it is time for it; it names every debt."""
        at = self.announcement()
        if at is None or at > workflow.now():
            return None
        owed = owed_by(self.order.tenant_id, self.stands)
        retry_at = min((chase.next_at for chase in self.chases.values() if chase.next_at), default=None)
        asks = any(chase.asks_for_method for chase in self.chases.values())
        grace = grace_left(self.stands, self.dunning, workflow.now())
        number = self.named.get(_FAILED, 0) + 1
        return self._letter(f"{_FAILED}-{number}", letters.payment_failed(owed, grace, retry_at, asks_for_method=asks))

    def _has_announced(self) -> None:
        self.name_once(_FAILED)
        self.told_of |= {debt.invoice_id for debt in self.stands.chased}
        self.chases = {
            name: chase.model_copy(update={"asked": chase.asks_for_method}) for name, chase in self.chases.items()
        }
        self.standing = contacted(self.stands, workflow.now(), self.dunning)
        self.note(f"told that a payment failed, {owed_in_words(self.stands)} is owed")

    def _eased_because(self) -> RestoredBecause:
        if self.stands.exemption:
            return RestoredBecause.EXEMPTED
        return RestoredBecause.DECIDED if self.decided else RestoredBecause.LESS_OVERDUE

    def _has_told_what_follows(self) -> None:
        """A letter about eased service has left, with the dates of what comes: it counts, and they are kept."""
        now = workflow.now()
        self.standing = contacted(told_what_follows(self.stands, now, self.dunning), now, self.dunning)

    async def _debtor(self, action: Action) -> Tenant | None:
        """Who it is, for the account manager alone: a history that lasts for months repeats no address."""
        if action.kind is not ActionKind.ACCOUNT_MANAGER:
            return None
        tenant_id = self.order.tenant_id
        return await self.with_help(lambda: noted(Delinquencies.debtor, tenant_id, summary="whom to call"))

    def _planned(self, action: Action, announced: LetterToTenant | None, debtor: Tenant | None) -> LadderStep:
        """A step with everything that it needs; the letter is fixed here, so that the same step says the same again."""
        payload = letter_of(action, self.order.tenant_id, debtor, self.stands, self.dunning, workflow.now())
        to_manager = action.kind is ActionKind.ACCOUNT_MANAGER
        name, case_id = action.name, self.case.case_id
        letter = self._letter(name, payload) if payload and not to_manager else None
        return LadderStep(
            name=name,
            look=self._look(fresh=True),
            debts=self.stands.debts,
            contests=self.sees.contests,
            limit=action.rung and limit_of(action.rung, self.order.tenant_id, case_id, name, self.dunning),
            letters=tuple(one for one in (announced, letter) if one),
            notice=self._notice(name, Role.ACCOUNT_MANAGER, payload) if payload and to_manager else None,
            hand_over_since=action.at if action.kind is ActionKind.HAND_TO_PURGE else None,
        )

    def _look(self, *, fresh: bool) -> Look:
        oldest = min((debt.since for debt in self.standing.debts), default=None) if self.standing else None
        opened_at = self.case.opened_at
        return Look(
            case_id=self.case.case_id,
            tenant_id=self.order.tenant_id,
            since=min(oldest or opened_at, opened_at),
            about=frozenset(self.once_owed),
            fresh=fresh,
        )

    def _letter(self, name: str, payload: Payload) -> LetterToTenant:
        return LetterToTenant(case_id=self.case.case_id, tenant_id=self.order.tenant_id, name=name, payload=payload)

    def _notice(self, name: str, role: Role, payload: Payload) -> Notice:
        case_id = self.opened.case_id if self.opened else self.order.workflow_id
        return Notice(case_id=case_id, name=name, role=role, payload=payload)


def _with_holds(standing: Standing, seen: Seen, now: datetime) -> Standing:
    """Time under a hold does not count, from the moment it was placed to the moment the last one was released."""
    released = [hold.released_at for hold in seen.holds if hold.released_at]
    for hold in seen.holds:
        if hold.released_at:
            standing = interrupted(standing, hold.placed_at, hold.released_at)
    if seen.held_by:
        return stopped(standing, min(hold.placed_at for hold in seen.held_by))
    return resumed(standing, max(released, default=now))
