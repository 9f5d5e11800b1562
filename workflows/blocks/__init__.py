"""The waiting that every runbook shares: clocks, approvals, customers, steps, and the story of it all."""
