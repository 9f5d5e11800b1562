"""The Stripe simulator, spoken to by the real SDK."""
