"""Taking the leases of a commit's items, all of them or none, and giving them back."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Final

from order_service.application.backoff import attempts
from order_service.application.clock import Clock
from order_service.application.stock.lease import Lease, LeaseStore, Primary
from order_service.domain.errors import OutcomeUnknown
from order_service.domain.moves import Intent

# Seconds: while it lasts, the leases that are had already hold up others.
_RESERVING_AT_MOST: Final = 0.5
_LOST: Final = "The lease was lost."


@dataclass(frozen=True, slots=True)
class Held:
    """The lease of a commit's primary, held until ``not_after``, in monotonic seconds, at the
    least; and the leases of its other items."""

    primary: Lease
    not_after: float
    secondaries: tuple[Lease, ...] = ()


# Takes the primary's lease with the intent, and so decides the commit. None when somebody else
# acquired one of the leases first; nothing is kept then.
Decide = Callable[[Intent], Held | None]


class Acquiring:
    def __init__(self, leases: LeaseStore, clock: Clock, lease_seconds: float) -> None:
        self._leases = leases
        self._clock = clock
        self._lease_seconds = lease_seconds

    def acquire(self, seen: Lease, intent: Intent) -> Held | None:
        """None when somebody else acquired the lease first."""
        return self._held(self._leases.acquire, seen, intent)

    def acquire_all(self, free: Sequence[Lease], intent: Intent) -> Held | None:
        """The leases of the intent's items, which were seen free. None when somebody else acquired
        one of the leases first; nothing is kept then."""
        moving = {each.item_id for each in intent.overwrites}
        *others, primary = (lease for lease in free if lease.item_id in moving)
        if not others:
            return self.acquire(primary, intent)
        decides = Primary(primary.item_id, primary.fence + 1)
        got = [lease for lease in self._leases.acquire_all(others, decides) if lease is not None]
        held = None
        if len(got) == len(others):
            held = self.acquire(primary, replace(intent, fence=decides.fence))
        if held is None:
            self._leases.release(got)
            return None
        return replace(held, secondaries=tuple(got))

    @contextmanager
    def reserved(self, item_ids: Sequence[str]) -> Iterator[Decide | None]:
        """Take the leases before the stocks are read; what is not decided is given back at the end.
        None when the leases could not be had soon.

        The primary's lease is taken as a secondary of its own: so a reservation whose process died
        is found and ended like any commit that was not decided.
        """
        left: list[Lease] = []

        def decide(intent: Intent) -> Held | None:
            primary, *secondaries = left
            # From here on the intent may be recorded, also where the answer is lost.
            left.clear()
            intent = replace(intent, fence=primary.fence + 1)
            held = self._held(self._leases.acquire_again, primary, intent)
            if held is None:
                left.extend(secondaries)
                return None
            return replace(held, secondaries=tuple(secondaries))

        try:
            self._reserve(sorted(item_ids, reverse=True), left)
            yield decide if len(left) == len(item_ids) else None
        finally:
            if left:
                self._leases.release(left)

    def _reserve(self, item_ids: Sequence[str], got: list[Lease]) -> None:
        """Add to ``got`` the leases, that of the highest item first; fewer than all where the time
        is over.

        While a lease is waited for, only leases of higher items are held: so no two reservations
        wait for each other.
        """
        for _ in attempts(self._clock, self._clock.monotonic() + _RESERVING_AT_MOST, longest=0.02):
            seen = self._leases.look(item_ids[len(got) :] if got else item_ids[:1])
            if free := list(takewhile(_is_free, seen)):
                got += self._up_to_the_first_lost(free, got)
            if len(got) == len(item_ids):
                return

    def _up_to_the_first_lost(self, free: Sequence[Lease], got: Sequence[Lease]) -> list[Lease]:
        decides = got[0].primary if got else Primary(free[0].item_id, free[0].fence + 2)
        assert decides is not None
        answers = self._leases.acquire_all(free, decides)
        taken = [lease for lease in takewhile(bool, answers) if lease is not None]
        if beyond := [lease for lease in answers[len(taken) :] if lease is not None]:
            self._leases.release(beyond)
        return taken

    def fresh(self, held: Held) -> Held:
        """The primary's lease, with at least half of its time left: a commit of many items may
        last longer than a lease. Raises OutcomeUnknown where the lease was lost."""
        now = self._clock.monotonic()
        if held.not_after - now > self._lease_seconds / 2:
            return held
        if not self._leases.renew(held.primary):
            raise OutcomeUnknown(_LOST, in_flight=True)
        return replace(held, not_after=now + self._lease_seconds)

    def withdraw(self, held: Held) -> None:
        """Clear the intent for good before an order fails, or the intent would be carried out.
        Raises OutcomeUnknown where the lease was lost."""
        if not self._leases.clear(held.primary):
            raise OutcomeUnknown(_LOST, in_flight=True)
        self._leases.release(held.secondaries)

    def release(self, held: Held) -> None:
        self._leases.release([*held.secondaries, held.primary])

    def _held(
        self, acquire: Callable[[Lease, Intent], Lease | None], seen: Lease, intent: Intent
    ) -> Held | None:
        not_after = self._clock.monotonic() + self._lease_seconds
        got = acquire(seen, intent)
        return Held(got, not_after) if got else None


def _is_free(lease: Lease) -> bool:
    return not lease.held and not lease.is_open
