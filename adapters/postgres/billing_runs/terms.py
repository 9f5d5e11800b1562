"""Contract terms and prices, read once by each worker: rows of the two dictionaries never change."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock

from sqlalchemy import Connection, text

from adapters.postgres.dictionaries import keep_prices, price_sha256
from billing.contracts import Terms, Timing
from billing.prices import MeterPrice

# Terms with a dozen tiered prices take some ten kilobytes: beyond this the ones not used for longest are forgotten.
KEPT_AT_MOST = 2_000

_TERMS = text("select terms_id, terms from contract_terms where terms_id = any(:ids)")


@dataclass(frozen=True)
class KnownTerms:
    """Terms with the dictionary's id of each price, by meter."""

    terms: Terms
    price_ids: Mapping[str, int]
    fees_in_advance: bool


class TermsShelf:
    """Shared by the threads of a worker."""

    def __init__(self, most: int = KEPT_AT_MOST) -> None:
        self._most = most
        self._known: OrderedDict[int, KnownTerms] = OrderedDict()
        self._lock = Lock()

    def read(self, connection: Connection, ids: Collection[int]) -> dict[int, KnownTerms]:
        """The terms by id; whatever is not known yet is read in one statement."""
        with self._lock:
            found = {terms_id: self._known[terms_id] for terms_id in ids if terms_id in self._known}
        if missing := set(ids) - found.keys():
            found |= _parsed(connection, missing)
        with self._lock:
            for terms_id in found:
                self._known[terms_id] = found[terms_id]
                self._known.move_to_end(terms_id)
            while len(self._known) > self._most:
                self._known.popitem(last=False)
        return found


def _parsed(connection: Connection, ids: Iterable[int]) -> dict[int, KnownTerms]:
    rows = connection.execute(_TERMS, {"ids": sorted(ids)}).all()
    parsed = {row.terms_id: Terms.model_validate(row.terms) for row in rows}
    price_ids = ids_of(connection, [price for terms in parsed.values() for price in terms.prices])
    return {
        terms_id: KnownTerms(
            terms=terms,
            price_ids={price.meter: price_ids[price] for price in terms.prices},
            fees_in_advance=any(fee.timing is Timing.ADVANCE for fee in terms.fees),
        )
        for terms_id, terms in parsed.items()
    }


def ids_of(connection: Connection, prices: Iterable[MeterPrice]) -> dict[MeterPrice, int]:
    """The dictionary's id of each price; prices that it does not hold are added."""
    hashes = {price: price_sha256(price) for price in prices}
    ids = keep_prices(connection, hashes)
    return {price: ids[sha256] for price, sha256 in hashes.items()}
