"""An actor that checks the stop signal before each call, so that a flow stops between two calls.

A resume plays the flow again under the same ids. Calls that were made get their stored answers.
"""

from collections.abc import Callable, Mapping, Sequence

from rubyops.ports import Actor, Attempt, AttemptAnswer, CanaryPlayer, HttpAnswer, Read


class StoppableActor:
    """Implements `Actor` by another actor, with a check before each call."""

    def __init__(self, actor: Actor, check_stop: Callable[[], None]) -> None:
        """Forward every call to `actor`, unless `check_stop` raises an error."""
        self._actor = actor
        self._check_stop = check_stop

    @property
    def read(self) -> Read:
        """The reader of the actor; a flow that polls can be stopped here."""
        self._check_stop()
        return self._actor.read

    def derived_id(self, key: str) -> str:
        """Return the id derived from the run, the flow and the key."""
        return self._actor.derived_id(key)

    def player(self, label: str, *, currency: str = "EUR") -> CanaryPlayer:
        """Create the canary player with this label, or return the existing one."""
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
        """GET a route with only these headers."""
        self._check_stop()
        return self._actor.as_stranger(process, path, headers)

    def as_role(self, role: str, attempts: Sequence[Attempt]) -> list[AttemptAnswer]:
        """Log in as the database role, try each statement and roll it back."""
        self._check_stop()
        return self._actor.as_role(role, attempts)
