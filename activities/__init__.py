"""What a runbook may do: thin business verbs over ports, each safe to repeat, none knowing a vendor or a driver."""
