"""The customer's portal: one tenant's usage, bills and disputes behind a link that expires (D14)."""
