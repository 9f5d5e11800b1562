"""How long a runbook waits where no policy says: pauses of the machinery, which no customer notices and nobody negotiates.

What is agreed with customers, or set by the house, is in `billing.policy`; how activities are tried again, in
`workflows.blocks.steps`.
"""

from datetime import timedelta

# So long a step waits for its letter to leave before the case goes on without; the letter is still being sent.
LETTER_LEAVES_WITHIN = timedelta(minutes=1)
# So long the retries of an invoice are waited for before its customer is written to, who is told when it is charged again.
RETRIES_REPORT_WITHIN = timedelta(minutes=1)
# After a step that failed for good, which none should, in a runbook that has no ending and hands nothing over.
AFTER_A_FAILURE = timedelta(minutes=5)
# What could not be reached may be back; what was refused is asked for again only when something has changed.
TRIES_AGAIN_EVERY = timedelta(hours=1)
# Somebody who asked for a charge and never spoke again is waited for so long.
ASKS_WITHIN = timedelta(hours=1)
# A hold is looked for less and less often, at most this many times the policy's pause apart.
HOLD_PAUSES_AT_MOST = 24
# Events that wait for a person are written about so often, however many there are.
REMINDS_OF_PARKED_EVERY = timedelta(days=1)
