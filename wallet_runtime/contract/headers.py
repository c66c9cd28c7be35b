"""Headers between processes, and how a provider signs a request."""

CALLER_HEADER = "X-Caller-Service"
TOKEN_HEADER = "X-Internal-Service-Token"
BRAND_HEADER = "X-Brand-Id"
REQUEST_ID_HEADER = "X-Request-Id"
CANARY_HEADER = "X-Canary-Token"
FENCE_HEADER = "X-Fencing-Token"  # the token of the run for which the operator acts
PROVIDER_HEADER = "X-Provider-Id"
PROVIDER_SIGNATURE_HEADER = "X-Provider-Signature"
IDEMPOTENCY_KEY_HEADER = "Idempotency-Key"

# A provider's signature: HMAC-SHA256 with its secret over this text. `timestamp` is in Unix
# seconds. `brand` and `request_id` are the headers as sent ("" for a header that was not sent).
# `body_hash` is the SHA-256 of the raw body. Both digests are lower-case hex.
PROVIDER_SIGNED_TEXT = "{method}\n{path}\n{brand}\n{timestamp}\n{request_id}\n{body_hash}"
PROVIDER_SIGNATURE_VALUE = "t={timestamp},v1={digest}"
# Allowed difference between the timestamp and the gateway's clock, in either direction.
PROVIDER_SIGNATURE_SECONDS = 300
