"""Routes of topologies, of policies and of their activation."""

from functools import partial
from typing import Any

import msgspec

from wallet_runtime.contract.documents import RUBY_SPLIT_V1, RUBY_UNIFIED_V1
from wallet_runtime.plumbing.errors import Invalid, NotFound
from wallet_runtime.plumbing.http.app import Answer, Call, Route
from wallet_runtime.plumbing.http.body import Body
from wallet_runtime.plumbing.runtime.context import Context
from wallet_runtime.plumbing.runtime.database import Row
from wallet_runtime.wallet.domain.documents import VERSION_MAX, Version
from wallet_runtime.wallet.domain.state import PairReference
from wallet_runtime.wallet.domain.violations import broken
from wallet_runtime.wallet.store.activation import ActivationRequest
from wallet_runtime.wallet.store.documents import Documents, Kind, PolicyRequired
from wallet_runtime.wallet.store.drafts import Asked, typed_policy

HISTORY_MAX = 200


class PolicyReference(Body):
    """A stored policy version."""

    policy_key: str
    version: Version


class PairStart(Body):
    """The pair that has to be active before an activation.

    Without a policy, any policy of this topology version may be active.
    """

    topology_code: str
    topology_version: Version
    policy_key: str | None = None
    policy_version: Version | None = None


class ActivateTopologyBody(Body):
    """A topology version to activate, with its policy by reference or as a document.

    `from` is the pair that has to be active before (null: none is active).
    """

    version: Version
    policy: PolicyReference | None = None
    policy_document: dict[str, Any] | None = None
    from_pair: PairStart | None = msgspec.field(name="from", default=None)


class ActivatePolicyBody(Body):
    """A policy version to activate. It must be for the active topology (A7-11)."""

    version: Version
    from_pair: PairStart | None = msgspec.field(name="from", default=None)


class ValidateBody(Body):
    """Any topology and policy to check against every rule.

    Without a policy, only the rules of the topology are checked.
    """

    topology_document: Any
    policy_document: Any = None


class NoActivePair(NotFound):
    """No topology and policy are active."""

    code = "NO_ACTIVE_TOPOLOGY"


def active_topology(context: Context, call: Call) -> Answer:
    """Show the active topology (GET /internal/wallet/topology/active)."""
    documents = Documents(context.database)
    gate = _active_gate(documents)
    document = documents.topology(gate["topology_code"], gate["topology_version"])
    shown = {key: gate[key] for key in ("topology_code", "topology_version", "activation_no")}
    return Answer(200, shown | {"document": document})


def _active_gate(documents: Documents) -> Row:
    """Return the gate row; raise `NoActivePair` if nothing is active."""
    gate = documents.gate()
    if gate["topology_code"] is None:
        raise NoActivePair
    return gate


def active_policies(context: Context, call: Call) -> Answer:
    """Show the active policy of each key (GET /internal/wallet/policy/active)."""
    return Answer(200, {"policies": Documents(context.database).active_policies()})


def topology_versions(context: Context, call: Call) -> Answer:
    """List the versions of a topology code."""
    return Answer(
        200, {"versions": Documents(context.database).topology_versions(call.path["code"])}
    )


def policy_versions(context: Context, call: Call) -> Answer:
    """List the versions under a policy key."""
    return Answer(
        200, {"versions": Documents(context.database).policy_versions(call.path["policy_key"])}
    )


def saved(kind: Kind, context: Context, call: Call) -> Answer:
    """List all saved versions of all topologies, or of all policies."""
    return Answer(200, {"versions": Documents(context.database).saved(kind)})


def diff(kind: Kind, context: Context, call: Call) -> Answer:
    """Show the differences between two stored versions: path, old and new value."""
    name = call.path["code" if kind == "topology" else "policy_key"]
    found = Documents(context.database).diff(
        kind, name, _version(call, "old"), _version(call, "new")
    )
    return Answer(200, {"differences": found})


def _version(call: Call, name: str) -> int:
    text = call.path[name]
    if not _is_version(text):
        raise Invalid(f"{name} is a version number from 1, found {text[:40]!r}")
    return int(text)


def _is_version(text: str) -> bool:
    is_number = text.isascii() and text.isdigit() and len(text) <= 12
    return is_number and 1 <= int(text) <= VERSION_MAX


def history(context: Context, call: Call) -> Answer:
    """List the newest activations (GET /internal/wallet/activations)."""
    return Answer(200, {"activations": Documents(context.database).history(HISTORY_MAX)})


def save_topology(context: Context, call: Call) -> Answer:
    """Save the body as a draft of a topology."""
    documents, code = Documents(context.database), call.path["code"]
    return Answer(
        200,
        documents.save_topology(code, call.body, call.caller, call.fence_token, _asked(call, code)),
    )


def save_policy(context: Context, call: Call) -> Answer:
    """Save the body as a draft of a policy."""
    documents, policy_key = Documents(context.database), call.path["policy_key"]
    return Answer(
        200,
        documents.save_policy(
            policy_key, call.body, call.caller, call.fence_token, _asked(call, policy_key)
        ),
    )


def _asked(call: Call, name: str) -> Asked:
    return Asked(call.caller, f"{call.route} {name}", call.command_id(), call.body)


def seed(code: str, context: Context, call: Call) -> Answer:
    """Save the seed of a topology code as drafts. A repeat changes nothing."""
    return Answer(
        200, {"saved": Documents(context.database).seed(code, call.caller, call.fence_token)}
    )


def validate(context: Context, call: Call) -> Answer:
    """Check a pair against every rule (POST /internal/wallet/topology/validate).

    The status is always 200; the answer lists the violations.
    """
    body: ValidateBody = call.body
    violations = Documents(context.database).validate(body.topology_document, body.policy_document)
    return Answer(200, {"valid": not violations, "violations": violations})


def activation_obstacles(context: Context, call: Call) -> Answer:
    """List the rules that would refuse the activation of a stored pair now. Changes nothing."""
    pair = PairReference(
        topology_code=call.path["code"],
        topology_version=_version(call, "version"),
        policy_key=call.path["policy_key"],
        policy_version=_version(call, "policy_version"),
    )
    return Answer(200, {"violations": Documents(context.database).obstacles(pair)})


def activate_topology(context: Context, call: Call) -> Answer:
    """Activate a topology and its policy together."""
    body: ActivateTopologyBody = call.body
    documents, code = Documents(context.database), call.path["code"]
    policy = _policy_reference(body) or _active_policy(documents, code, body.version)
    wanted = _activation_request(call, code, body.version, policy, body.from_pair)
    return Answer(200, documents.activate(wanted, body.policy_document))


def _active_policy(documents: Documents, code: str, version: int) -> PolicyReference:
    """Return the active policy; raise `PolicyRequired` if this topology is not active."""
    gate = documents.gate()
    if (gate["topology_code"], gate["topology_version"]) != (code, version):
        raise PolicyRequired(
            details=broken("A7-10", "policy_document", str(PolicyRequired.__doc__))
        )
    return PolicyReference(policy_key=gate["policy_key"], version=gate["policy_version"])


def activate_policy(context: Context, call: Call) -> Answer:
    """Activate a policy version over the active topology."""
    body: ActivatePolicyBody = call.body
    documents = Documents(context.database)
    gate = _active_gate(documents)
    policy = PolicyReference(policy_key=call.path["policy_key"], version=body.version)
    documents.refuse_other_topology(gate, policy.policy_key, policy.version)
    topology = gate["topology_code"], gate["topology_version"]
    wanted = _activation_request(call, *topology, policy, body.from_pair or _start_of(gate))
    return Answer(200, documents.activate(wanted))


def _start_of(gate: Row) -> PairStart:
    names = PairStart.__struct_fields__
    return msgspec.convert({name: gate[name] for name in names}, PairStart)


def _policy_reference(body: ActivateTopologyBody) -> PolicyReference | None:
    if body.policy_document is not None:
        policy = typed_policy(body.policy_document)
        return PolicyReference(policy_key=policy.policy_key, version=policy.version)
    return body.policy


def _activation_request(
    call: Call, code: str, version: int, policy: PolicyReference, start: PairStart | None
) -> ActivationRequest:
    return ActivationRequest(
        topology_code=code,
        topology_version=version,
        policy_key=policy.policy_key,
        policy_version=policy.version,
        from_topology_code=start.topology_code if start else None,
        from_topology_version=start.topology_version if start else None,
        from_policy_key=start.policy_key if start else None,
        from_policy_version=start.policy_version if start else None,
        caller=call.caller,
        request_id=call.command_id(),
        fence_token=call.fence_token,
    )


PREFIX = "/internal/wallet"
ROUTES = (
    Route("GET", f"{PREFIX}/topology/active", active_topology),
    Route("GET", f"{PREFIX}/policy/active", active_policies),
    Route("GET", f"{PREFIX}/topology", partial(saved, "topology")),
    Route("GET", f"{PREFIX}/policy", partial(saved, "policy")),
    Route("GET", f"{PREFIX}/activations", history),
    Route("GET", f"{PREFIX}/topology/{{code}}", topology_versions),
    Route("PUT", f"{PREFIX}/topology/{{code}}", save_topology, dict),
    Route("PUT", f"{PREFIX}/topology/{{code}}/activate", activate_topology, ActivateTopologyBody),
    Route(
        "GET",
        f"{PREFIX}/topology/{{code}}/activate/{{version}}/{{policy_key}}/{{policy_version}}",
        activation_obstacles,
    ),
    Route("POST", f"{PREFIX}/topology/validate", validate, ValidateBody),
    Route("POST", f"{PREFIX}/topology/seed-ruby-split-v1", partial(seed, RUBY_SPLIT_V1), dict),
    Route("POST", f"{PREFIX}/topology/seed-ruby-unified-v1", partial(seed, RUBY_UNIFIED_V1), dict),
    Route("GET", f"{PREFIX}/topology/{{code}}/diff/{{old}}/{{new}}", partial(diff, "topology")),
    Route("GET", f"{PREFIX}/policy/{{policy_key}}", policy_versions),
    Route("GET", f"{PREFIX}/policy/{{policy_key}}/diff/{{old}}/{{new}}", partial(diff, "policy")),
    Route("PUT", f"{PREFIX}/policy/{{policy_key}}", save_policy, dict),
    Route("PUT", f"{PREFIX}/policy/{{policy_key}}/activate", activate_policy, ActivatePolicyBody),
)
