"""Routes of the player's choice of a funding source. No other route accepts one (SPEC 1.6)."""

from typing import Literal

from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.http.fields import ForeignId
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.wallet.api.command import PREFIX, name_request
from wallet_runtime.wallet.domain import choices
from wallet_runtime.wallet.store import choices as store
from wallet_runtime.wallet.store.money import money_of


class ChoiceBody(Body):
    """The source that will pay the player's bets of one provider type."""

    provider_type: Literal["SPORTS", "LIVE", "SLOTS"]
    source: ForeignId


def choose(context: Context, call: Call) -> Answer:
    """Save a player's choice (PUT /internal/wallet/v2/players/{player_id}/funding-choice).

    A source that is not allowed now is a 422.
    """
    body: ChoiceBody = call.body
    call.command_id()
    choice = choices.Choice(body.provider_type, body.source)
    request = name_request(call, call.path_uuid("player_id"), choice)
    state, pair = money_of(context.database).look(request)
    if state.stored is None:
        choices.confirm(choice, state, pair)
    store.keep(context.database, request, choice)
    return Answer(200, choice)


def show(context: Context, call: Call) -> Answer:
    """Show the sources that a player may pick, and the player's choices.

    GET /internal/wallet/v2/players/{player_id}/funding-choice.
    """
    request = name_request(call, call.path_uuid("player_id"), None)
    state, pair = money_of(context.database).look(request)
    kept = store.kept(context.database, request.brand_id, request.player_id)
    return Answer(200, {"choices": choices.show(kept, state, pair)})


PATH = f"{PREFIX}/players/{{player_id}}/funding-choice"
ROUTES = (Route("GET", PATH, show), Route("PUT", PATH, choose, ChoiceBody))
