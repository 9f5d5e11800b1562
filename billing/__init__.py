"""The rules of billing: money, periods, prices, findings, authority. No clock, no database, no vendor."""
