"""Environment variables that the toolkit sets and that hold no secret."""

BRAND_ENFORCEMENT_VARIABLE = "MULTI_BRAND_ENFORCEMENT"
BRAND_ENFORCEMENT_VALUES = ("off", "observe", "enforce")
FAILPOINT_VARIABLE = "RUBY_FAILPOINT"
# The file to which wallet_service appends the seals of closed ledger months.
ANCHOR_FILE_VARIABLE = "LEDGER_ANCHOR_FILE"
