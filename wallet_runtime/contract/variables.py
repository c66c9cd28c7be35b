"""Environment variables that the toolkit sets, and no secrets."""

BRAND_ENFORCEMENT_VARIABLE = "MULTI_BRAND_ENFORCEMENT"
BRAND_ENFORCEMENT_VALUES = ("off", "observe", "enforce")
FAILPOINT_VARIABLE = "RUBY_FAILPOINT"
# Where wallet_service appends the seals of closed ledger months.
ANCHOR_FILE_VARIABLE = "LEDGER_ANCHOR_FILE"
