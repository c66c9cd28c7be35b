"""Random traffic of players and providers, until a test ends it."""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import httpx

from tests.acceptance.front_door import CURRENCY, Player
from tests.acceptance.platform import Live
from wallet_runtime.contract.providers import PROVIDERS

GAMBLERS = 4
WALLET = "/api/v1/player/wallet"


@dataclass
class Traffic:
    """Players who deposit, bet, transfer and withdraw at random.

    `answers` counts the answers by (action, status). `faults` holds the exceptions that ended a
    thread.
    """

    live: Live
    pause_seconds: float
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    faults: list[BaseException] = field(default_factory=list)
    _ending: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def under_way(self) -> Iterator[None]:
        """Play in threads until the block ends."""
        threads = [
            threading.Thread(target=self._gamble, args=(number,)) for number in range(GAMBLERS)
        ]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(30)

    def counted(self, action: str) -> Counter[int]:
        """Count the answers of one action by their status."""
        return Counter(
            {status: number for (name, status), number in self.answers.items() if name == action}
        )

    def _gamble(self, number: int) -> None:
        chance = random.Random(number)  # noqa: S311
        try:
            gambler = _Gambler(self.live, chance, self.live.player())
            while not self._ending.is_set():
                if chance.random() < 0.01:
                    gambler = _Gambler(self.live, chance, self.live.player())
                name = chance.choice(tuple(ACTIONS))
                for status in ACTIONS[name](gambler):
                    self.answers[name, status] += 1
                self._ending.wait(self.pause_seconds)
        except BaseException as error:  # the test reports the exception
            self.faults.append(error)


@dataclass
class _Gambler:
    """A player and a random generator; each action returns the statuses of its answers."""

    live: Live
    chance: random.Random
    player: Player

    def post(self, path: str, **body: str) -> httpx.Response:
        return self.live.as_player(
            self.player, "POST", f"{WALLET}/{path}", body | {"currency": CURRENCY}
        )

    def amount(self) -> str:
        return f"{self.chance.randint(1, 900) / 100:.2f}"

    def bucket(self) -> str:
        return self.chance.choice(("SPORTS_NORMAL", "CASINO_NORMAL"))

    def bet(self) -> list[int]:
        bet = self.live.bet(self.chance.choice(tuple(PROVIDERS)), self.player, self.amount())
        if bet.answer.status_code != httpx.codes.OK:
            return [bet.answer.status_code]
        payout = self.chance.choice(("0.00", "0.00", self.amount()))
        return [bet.answer.status_code, self.live.settle(bet, payout).status_code]

    def rollback(self) -> list[int]:
        bet = self.live.bet(self.chance.choice(tuple(PROVIDERS)), self.player, self.amount())
        body = {"player_id": self.player.player_id, "bet_id": bet.bet_id, "round_id": bet.bet_id}
        return [
            bet.answer.status_code,
            self.live.as_provider(bet.provider, self.player, "/v2/bets/rollback", body).status_code,
        ]

    def withdraw(self) -> list[int]:
        asked = self.post("withdraw", amount=self.amount())
        if asked.status_code != httpx.codes.OK or self.chance.random() < 0.5:  # noqa: PLR2004
            return [asked.status_code]
        path = f"{WALLET}/withdrawals/{asked.json()['transaction']['tx_id']}/cancel"
        return [asked.status_code, self.live.as_player(self.player, "POST", path, {}).status_code]

    def transfer(self) -> list[int]:
        source = self.bucket()
        target = "CASINO_NORMAL" if source == "SPORTS_NORMAL" else "SPORTS_NORMAL"
        return [
            self.post(
                "transfer", from_bucket=source, to_bucket=target, amount=self.amount()
            ).status_code
        ]


ACTIONS: dict[str, Callable[[_Gambler], list[int]]] = {
    "deposit": lambda gambler: [gambler.live.deposit(gambler.player, gambler.amount()).status_code],
    "deposit to a bucket": lambda gambler: [
        gambler.live.deposit(gambler.player, gambler.amount(), gambler.bucket()).status_code
    ],
    "cash to a bucket": lambda gambler: [
        gambler.post("wallet-deposit", amount=gambler.amount(), bucket=gambler.bucket()).status_code
    ],
    "withdrawable to cash": lambda gambler: [
        gambler.post("wallet-withdrawal", amount=gambler.amount()).status_code
    ],
    "bet": _Gambler.bet,
    "rollback": _Gambler.rollback,
    "withdraw": _Gambler.withdraw,
    "transfer": _Gambler.transfer,
}
