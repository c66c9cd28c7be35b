"""Topologies and policies that are shipped."""

RUBY_SPLIT_V1 = "RUBY_SPLIT_V1"
RUBY_UNIFIED_V1 = "RUBY_UNIFIED_V1"
DEFAULT_POLICY_KEY = "default"
