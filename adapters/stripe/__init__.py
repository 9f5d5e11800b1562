"""Stripe as a payment provider: credits planned and sent in its words, its answers and errors told in ours."""
