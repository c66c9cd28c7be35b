"""Two copies of wallet_service on one database, and players whose commands race."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any
from uuid import UUID, uuid4, uuid5

import psycopg

from tests.cluster import TestDatabase
from tests.wallet_runtime.wallet.histories.postgres import FAULTS
from tests.wallet_runtime.wallet.histories.variants import variants
from wallet_runtime.plumbing.errors import ApiError
from wallet_runtime.plumbing.runtime.database import Database
from wallet_runtime.wallet.domain import cash
from wallet_runtime.wallet.domain.reads import Reads
from wallet_runtime.wallet.domain.state import Request
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.documents import Documents
from wallet_runtime.wallet.store.money import Money

CALLERS = 50
HEAD_STARTS = (0.0, 0.001, 0.0, 0.003, 0.0)  # seconds that the late side waits
CODE = "RUBY_SPLIT_V1"
Answer = tuple[int, str]
Act = Callable[[], Answer]
# A trigger that records the active policy version in the transaction that writes a bet. Races
# compare it with the version that the bet names.
WITNESS = """
CREATE TABLE public.witness (brand_id uuid, policy_version integer);
CREATE FUNCTION public.bear_witness() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.witness SELECT NEW.brand_id, policy_version FROM wallet.wallet_gate;
    RETURN NEW;
END $$;
CREATE TRIGGER witness BEFORE INSERT ON wallet.wallet_bet_authorization
   FOR EACH ROW EXECUTE FUNCTION public.bear_witness();
"""
HELD = "SELECT account, balance FROM wallet.wallet_account WHERE brand_id = %s AND balance <> 0"


class Race:
    """Two copies of wallet_service on one database, and a thread for each racing call."""

    def __init__(self, platform_db: TestDatabase, look: psycopg.Connection[Any]) -> None:
        """Open both copies, save the pairs that the races activate, and activate the first."""
        self.look = look
        look.execute(WITNESS.encode())
        dsn = platform_db.dsn("wallet_service")
        self.databases = [
            Database(dsn, f"copy-{number}", pool_min=2, pool_max=CALLERS // 2).open()
            for number in range(2)
        ]
        self.money = [Money(database) for database in self.databases]
        self.documents = [Documents(database) for database in self.databases]
        for pair in variants(CODE):
            self.documents[0].save_topology(CODE, pair["topology"], "test")
            self.documents[0].save_policy("default", pair["policy"], "test")
        self.active: int | None = None  # version of both documents
        assert self.activate(0, 1, "first") == (200, "1")
        self.active = 1
        self.threads = ThreadPoolExecutor(CALLERS)

    def close(self) -> None:
        """Stop the threads and close the databases of both copies."""
        self.threads.shutdown()
        for database in self.databases:
            database.close()

    def run(self, *acts: Act, late: int = -1, by: float = 0.0) -> list[Answer]:
        """Run all calls at the same moment and return their answers, in the order of the calls.

        The call with number `late` starts `by` seconds after the others.
        """
        barrier = Barrier(len(acts))

        def start(number: int) -> Answer:
            barrier.wait(10)
            if number == late:
                time.sleep(by)
            return acts[number]()

        return list(self.threads.map(start, range(len(acts))))

    def player(self, available: int = 0, normal: int = 0) -> "Racer":
        """Register a player of a new brand; deposit amounts in minor units."""
        racer = Racer(self, uuid4())
        for amount, bucket in ((available, None), (normal, "SPORTS_NORMAL")):
            if amount:
                assert (
                    racer.act(
                        0, cash.deposit, cash.Deposit(amount, "EUR", bucket), f"deposit {bucket}"
                    )()[0]
                    == 200
                )
        return racer

    def activate(self, copy: int, version: int, request_id: str) -> Answer:
        """Activate this version of both documents, in place of the pair that is active now."""
        code = None if self.active is None else CODE
        wish = ActivationRequest(
            CODE, version, "default", version, code, self.active, "test", request_id
        )
        try:
            return 200, str(self.documents[copy].activate(wish)["topology_version"])
        except ApiError as error:
            return refusal(error)


class Racer:
    """A player whose commands race with each other."""

    def __init__(self, race: Race, brand: UUID) -> None:
        """Register the player through the first copy."""
        self.race, self.brand, self.player = race, brand, uuid5(brand, "player")
        race.money[0].register(brand, self.player, "EUR", False)

    def act(
        self,
        copy: int,
        rule: Any,
        command: Any,
        request_id: str,
        fingerprint: str = "ab",
        **reads: Any,
    ) -> Act:
        """Return a call that performs the command on this copy and returns status and outcome."""
        transaction_id = uuid5(self.brand, f"{rule.__name__} {request_id}")
        request = Request(
            self.brand, self.player, "race", rule.__name__, request_id, fingerprint, transaction_id
        )

        def perform() -> Answer:
            try:
                status, body = self.race.money[copy].perform(
                    request, Reads(**reads), lambda state, pair: rule(request, command, state, pair)
                )
            except ApiError as error:
                return refusal(error)
            return status, str(
                body.get("code") or body.get("state") or json.dumps(body, sort_keys=True)
            )

        return perform

    def held(self) -> dict[str, int]:
        """Confirm that the brand's ledger has no fault; return the player's balances by account."""
        faults = self.race.look.execute(FAULTS, {"brand": self.brand}).fetchall()
        assert not faults, faults
        return dict(self.race.look.execute(HELD, [self.brand]).fetchall())

    def bet(self) -> tuple[Any, ...]:
        """Return state, payout and policy version of the player's only bet."""
        statement = (
            "SELECT state, payout, policy_version FROM wallet.wallet_bet_authorization WHERE"
            " brand_id = %s"
        )
        rows = self.race.look.execute(statement, [self.brand]).fetchall()
        assert len(rows) == 1
        return tuple(rows[0])


def refusal(error: ApiError) -> Answer:
    """Return status and code of a conflict; any other error fails the test."""
    assert error.status == 409, f"{error.status} {error.code}: {error.message} {error.details}"
    return error.status, error.code
