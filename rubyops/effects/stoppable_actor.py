"""An actor that asks for a stop before each call: between two calls a flow is not half done.

A resume plays the flow again under the same ids, and calls that were made are replayed.
"""

from collections.abc import Callable, Mapping, Sequence

from rubyops.ports import Actor, Attempt, AttemptAnswer, CanaryPlayer, HttpAnswer, Read


class StoppableActor:
    """Implements the `Actor` port by another one."""

    def __init__(self, actor: Actor, check_stop: Callable[[], None]) -> None:
        """Pass every call on to `actor`, unless `check_stop` raises."""
        self._actor = actor
        self._check_stop = check_stop

    @property
    def read(self) -> Read:
        """The same questions that a check may ask; each look of a flow's wait comes by here."""
        self._check_stop()
        return self._actor.read

    def derived_id(self, key: str) -> str:
        """Return the id that this run, flow and key always give."""
        return self._actor.derived_id(key)

    def player(self, label: str, *, currency: str = "EUR") -> CanaryPlayer:
        """Create, or find again, the canary player of that label."""
        self._check_stop()
        return self._actor.player(label, currency=currency)

    def as_player(
        self,
        player: CanaryPlayer,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
    ) -> HttpAnswer:
        """Call the gateway as the player."""
        self._check_stop()
        return self._actor.as_player(player, method, path, body, key=key)

    def as_provider(
        self,
        provider: str,
        player: CanaryPlayer,
        path: str,
        body: Mapping[str, object],
        *,
        key: str,
    ) -> HttpAnswer:
        """Call a gateway provider route, signed as that provider."""
        self._check_stop()
        return self._actor.as_provider(provider, player, path, body, key=key)

    def as_admin(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        player: CanaryPlayer | None = None,
    ) -> HttpAnswer:
        """Call admin_service with the back office's bearer token."""
        self._check_stop()
        return self._actor.as_admin(method, path, body, key=key, player=player)

    def as_operator(
        self,
        process: str,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        key: str | None = None,
        brand_id: str | None = None,
    ) -> HttpAnswer:
        """Call an internal route as the operator."""
        self._check_stop()
        return self._actor.as_operator(process, method, path, body, key=key, brand_id=brand_id)

    def as_stranger(self, process: str, path: str, headers: Mapping[str, str]) -> HttpAnswer:
        """GET a route with these headers alone."""
        self._check_stop()
        return self._actor.as_stranger(process, path, headers)

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        """Log in as the role and try each statement, rolled back."""
        self._check_stop()
        return self._actor.as_role(role, attempts)
