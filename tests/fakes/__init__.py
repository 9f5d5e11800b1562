"""Stand-ins at the ports, kept honest by the contract tests that they share with the real adapters."""
