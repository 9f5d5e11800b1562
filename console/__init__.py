"""The HTTP side: signed webhooks for support desks, an API for operators, health and metrics."""
