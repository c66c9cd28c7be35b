"""Names of the topologies and of the policy that the platform ships."""

RUBY_SPLIT_V1 = "RUBY_SPLIT_V1"
RUBY_UNIFIED_V1 = "RUBY_UNIFIED_V1"
DEFAULT_POLICY_KEY = "default"
