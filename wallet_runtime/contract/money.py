"""Currencies, and the accounts of cash."""

# Code -> decimal places of the minor unit.
CURRENCY_EXPONENTS = {"KRW": 0, "USD": 2, "EUR": 2, "TRY": 2, "BTC": 8}
POINTS_CURRENCY = "PTS"

# Cash accounts are per player.
CASH_AVAILABLE = "CASH/AVAILABLE"
CASH_PENDING = "CASH/PENDING"
