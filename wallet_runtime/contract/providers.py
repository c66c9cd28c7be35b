"""Game providers of the platform, and the provider type that each one serves."""

SPORTS = "SPORTS"
LIVE = "LIVE"
SLOTS = "SLOTS"
PROVIDER_TYPES = (SPORTS, LIVE, SLOTS)
PROVIDERS = {"mocksports": SPORTS, "mocklive": LIVE, "mockslots": SLOTS}
