"""How Stripe's rate is shared: so much for credits and other single calls, the rest for the documents of a month."""

from __future__ import annotations

from dataclasses import dataclass

# A credit is a plan, a send and perhaps a look-up; a document is a draft, its lines and its finalisation.
REQUESTS_A_CREDIT = 3
REQUESTS_A_DOCUMENT = 3

# Disputes never wait for a month end, so their share is kept free for them.
_PAYMENTS_SHARE = 0.4
# Temporal counts what begins, by partition and in bursts; the pace counts requests. The former is the fence around it.
_FENCE = 2.0


@dataclass(frozen=True)
class StripeRates:
    """Shares of the requests a second that Stripe allows the account; the payments' and the documents' never exceed it."""

    requests_a_second: float

    @property
    def payments_a_second(self) -> float:
        """Activities a second on the payments lane, over all workers."""
        return self.requests_a_second * _PAYMENTS_SHARE / REQUESTS_A_CREDIT

    @property
    def invoice_requests_a_second(self) -> float:
        """Requests a second for documents and for reading them back, over all workers; see `ProviderPace`."""
        return self.requests_a_second * (1 - _PAYMENTS_SHARE)

    def batches_a_second(self, documents_a_batch: int) -> float:
        """How many batches of documents may begin a second, over all workers, so that not all of them wait inside."""
        nominal = self.invoice_requests_a_second / (documents_a_batch * REQUESTS_A_DOCUMENT)
        return max(1.0, _FENCE * nominal)
