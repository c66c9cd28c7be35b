"""Python and SQL use the same field names in the records that they exchange.

A misspelt key would be a silent NULL in SQL, or a default in Python.
"""

import re
from typing import Any, get_args, get_type_hints

import msgspec
import pytest

from tests.wallet_runtime.wallet import sql_text
from wallet_runtime.rolling import domain as rolling
from wallet_runtime.wallet.domain import events, records, state
from wallet_runtime.wallet.store.campaigns import CampaignRecord
from wallet_runtime.wallet.store.choices import ChoiceRecord
from wallet_runtime.wallet.store.command import NO_BET, StateWanted
from wallet_runtime.wallet.store.outcomes import Outcome

Struct = type[msgspec.Struct]
READERS = re.compile(r"c jsonb\b")
WRITERS = ("apply_command", "apply_commands", "choose_source", "create_campaign")
# The structs in the answer of `wallet.read_state`, each with the functions that build its JSON, and
# the table whose rows it holds.
BUILT: dict[Struct, tuple[tuple[str, ...], str | None]] = {
    state.Gate: (("read_state",), None),
    state.Stored: (("read_state",), None),
    state.Player: (("read_state",), None),
    state.Cash: (("read_debts",), None),
    state.Grant: (("grant_json",), None),
    state.ReferenceUse: (("read_reference",), None),
    state.Authorization: ((), "wallet_bet_authorization"),
    state.CashTransaction: ((), "ledger_transactions"),
    state.Bonus: (("read_movement",), "wallet_bonus"),
    state.Adjustment: ((), "wallet_adjustment"),
    state.Campaign: (("read_win",), "wallet_campaign"),
    state.Win: (("read_win",), "wallet_win"),
}
CONSUMED: dict[Struct, Struct] = {
    rolling.Requirement: events.RollingRequired,
    rolling.Revocation: events.RollingRevoked,
    rolling.Transfer: events.TransferCompleted,
    rolling.Carried: events.CarriedRolling,
    rolling.SettledBet: events.BetSettled,
    rolling.FundingShare: events.FundingPart,
    rolling.RolledBackBet: events.BetRolledBack,
}


def fields(*kinds: Struct) -> set[str]:
    return {name for kind in kinds for name in kind.__struct_fields__}


def kinds_of_records() -> dict[str, tuple[Struct, ...]]:
    """Return the struct types of each field of `Records`, without the fields that hold text."""
    found = {}
    for name, hint in get_type_hints(records.Records).items():
        kinds = [kind for part in (hint, *get_args(hint)) for kind in (part, *get_args(part))]
        structs = tuple(
            kind for kind in kinds if isinstance(kind, type) and issubclass(kind, msgspec.Struct)
        )
        if structs:
            found[name] = structs
    return found


def differences(sql: str, kinds: dict[str, tuple[Struct, ...]]) -> dict[str, set[str]]:
    """Return for each kind of record the names that only Python or only SQL has."""
    read = sql_text.keys_of_records(sql)
    compared = {name: fields(*kinds[name]) ^ read.get(name, set()) for name in kinds}
    return {name: found for name, found in compared.items() if found}


def test_sql_reads_every_record_by_the_names_that_it_has() -> None:
    sql, kinds = sql_text.shipped(), kinds_of_records()
    assert len(kinds) == len(records.Records.__struct_fields__) - 1  # one field is text
    assert differences(sql, kinds) == {}
    assert sql_text.names_of_records(sql) == fields(records.Records)
    assert sql_text.keys_of_legs(sql) == fields(records.Leg)
    assert set(NO_BET) == fields(records.BetOpened, records.BetClosed)


@pytest.mark.parametrize(
    ("right", "wrong", "record"),
    [
        ("t->>'from_account'", "t->>'form_account'", "transfers"),
        ("o ? 'part_of'", "o ? 'partof'", "obligations_opened"),
        ("b->>'reference'", "b->>'references'", "bonus"),
        ("moved->>'kind'", "moved->>'sort'", "transfers"),
        ("f->'details'", "f->'detail'", "findings"),
    ],
)
def test_a_key_that_is_misspelt_in_sql_is_found(right: str, wrong: str, record: str) -> None:
    sql = sql_text.shipped()
    assert right in sql
    assert record in differences(sql.replace(right, wrong), kinds_of_records())


@pytest.mark.parametrize("record", sorted(kinds_of_records()))
def test_a_field_that_is_misspelt_in_a_record_is_found(record: str) -> None:
    kinds = kinds_of_records()
    for kind in kinds[record]:
        for name in kind.__struct_fields__:
            others = fields(*(other for other in kinds[record] if other is not kind))
            if name in others:
                continue
            wrong = msgspec.defstruct("Wrong", sorted((fields(kind) - {name}) | {f"{name}_"}))
            planted = kinds | {
                record: tuple(wrong if each is kind else each for each in kinds[record])
            }
            assert differences(sql_text.shipped(), planted) == {record: {name, f"{name}_"}}


def test_sql_is_asked_by_the_names_that_it_looks_for() -> None:
    sql = sql_text.shipped()
    known = sql_text.functions(sql)
    asked = {name: body for name, (given, body) in known.items() if READERS.match(given)}
    assert sql_text.keys(asked.pop("choose_source"), "c") == fields(ChoiceRecord)
    assert sql_text.keys(asked.pop("create_campaign"), "c") == fields(CampaignRecord)
    reads = [body for name, body in asked.items() if name.startswith("read_")]
    assert len(reads) == len(asked) >= 9
    assert set().union(*(sql_text.keys(body, "c") for body in reads)) == fields(StateWanted)


def built(sql: str, kind: Struct) -> set[str]:
    makers, table = BUILT[kind]
    return sql_text.keys_built(sql, *makers) | (sql_text.columns(sql, table) if table else set())


@pytest.mark.parametrize("kind", BUILT, ids=lambda kind: kind.__name__)
def test_a_state_is_read_by_the_names_that_sql_builds(kind: Struct) -> None:
    assert fields(kind) - built(sql_text.shipped(), kind) == set()


def test_every_field_of_a_state_is_built() -> None:
    sql = sql_text.shipped()
    readers = [name for name in sql_text.functions(sql) if name.startswith("read_")]
    assert fields(state.State) - sql_text.keys_built(sql, *readers) == set()
    # SQL builds obligations in two places. The active ones leave out `state` and `player_id`,
    # because these are the same for all of them.
    every = {"state", "player_id"}
    assert fields(state.Obligation) - every - sql_text.keys_built(sql, "read_debts") == set()
    assert fields(state.Obligation) - sql_text.keys_built(sql, "read_named") == set()
    assert "had_grants" not in sql_text.keys_built(sql.replace("'had_grants'", "'had'"), *readers)


def test_outcomes_have_the_names_and_words_of_the_functions_that_write() -> None:
    known = sql_text.functions(sql_text.shipped())
    text = "".join(known[name][1] for name in WRITERS)
    answered = re.findall(r"jsonb_build_object\('outcome'.*?\);", text) + ["{'outcome': 'applied'}"]
    words: set[str] = set(re.findall(r"'outcome'(?:,|:) '(\w+)'", " ".join(answered)))
    words |= set(re.findall(r"(?:THEN|ELSE) '(\w+)'", " ".join(answered)))
    names: set[str] = set().union(*(re.findall(r"'(\w+)',", each) for each in answered)) - words
    assert '{"outcome": "applied"}' in text
    assert names == fields(Outcome)
    assert words == set(get_args(get_type_hints(Outcome)["outcome"]))


@pytest.mark.parametrize(("read", "told"), CONSUMED.items(), ids=lambda kind: kind.__name__)
def test_a_consumer_reads_what_the_wallet_tells(read: Struct, told: Struct) -> None:
    assert fields(read) <= fields(told)


def test_sql_reads_what_the_wallet_tells() -> None:
    told = fields(*get_args(events.Payload))
    read = set(re.findall(r"\bpayload->>?'(\w+)'", sql_text.shipped()))
    assert {"authorization_id", "required_turnover", "counts"} <= read <= told


def test_every_event_type_has_a_payload_of_its_own() -> None:
    assert set(events.EVENT_TYPES) == set(get_args(events.Payload))
    assert len(set(events.EVENT_TYPES.values())) == len(events.EVENT_TYPES)


def consumed(told: msgspec.Struct, read: Struct) -> Any:
    return msgspec.convert(msgspec.json.decode(msgspec.json.encode(told)), read, strict=False)


def test_what_is_left_out_of_a_payload_is_the_default_of_its_consumer() -> None:
    told = events.RollingRequired(
        rolling_id="00000000-0000-0000-0000-000000000001",
        topology_code="T",
        bucket_type_code="B",
        provider_types=("SPORTS",),
        currency="EUR",
        amount="10",
        multiplier="2",
        required_turnover="20",
        reference_id="deposit:1",
        reason="deposit",
    )
    requirement = consumed(told, rolling.Requirement)
    assert (requirement.remarks, requirement.beside, requirement.required_turnover) == ("", (), 20)
