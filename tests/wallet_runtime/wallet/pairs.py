"""The first pair of documents for tests."""

from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.documents import Documents


def activate_split(database: Database) -> None:
    """Save the seed of RUBY_SPLIT_V1 and activate its version 1."""
    documents = Documents(database)
    documents.seed("RUBY_SPLIT_V1", "test")
    documents.activate(
        ActivationRequest("RUBY_SPLIT_V1", 1, "default", 1, None, None, "test", "activate")
    )
