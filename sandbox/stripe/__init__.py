"""An imitation of Stripe that the real `stripe` SDK talks to over HTTP, for the sandbox and for tests.

It keeps one account: customers, invoices, credit notes, balances, payments, refunds, disputes, events and webhooks. What
may be sent and what comes back is read from the installed SDK (`contract`), so an upgrade of the SDK moves the imitation
along or makes it fail loudly. It also fails on purpose, as scripted (`faults`), on a clock that can be turned (`clock`).
It is an imitation written from public documentation, and evidence about Stripe only as far as that goes.
"""
