"""Two persons differ in both name and key, and a person's signature is valid for one act only."""

from dataclasses import replace
from typing import Any

import pytest

from wallet_runtime.contract.persons import (
    SIGNATURE_SECONDS,
    Act,
    NoPerson,
    Person,
    key_id_of,
    normal_name,
    read,
    sign,
)

KEY, NOW = b"a key", 1_000_000.0
ANN = Person("ann", key_id_of(b"token of ann"))
ACT = Act(
    "0f8fad5b-d9cb-469f-a165-70867728950e",
    "POST",
    "/internal/wallet/v2/adjustments/approve",
    "ann.k1",
    b'{"a": 1}',
)


@pytest.mark.parametrize(
    "spelled",
    [
        "Ann",
        "ann ",
        "\tANN",
        "\uff21\uff4e\uff4e",
        "a\u200bnn",
        "ann\u202e",
        "\u0000ann\u007f",
        "ａｎｎ",
    ],
)
def test_one_person_has_one_name(spelled: str) -> None:
    assert normal_name(spelled) == "ann"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Ann  Lee", "ann\u00a0lee"),
        ("STRASSE", "straße"),
        ("ﬁona", "Fiona"),
        ("Jo\u0308rg", "jörg"),
    ],
)
def test_ways_to_write_a_name_are_one_name(one: str, other: str) -> None:
    assert normal_name(one) == normal_name(other)
    assert normal_name(normal_name(one)) == normal_name(one)


@pytest.mark.parametrize("nobody", ["", "  ", "\u200b", "\n", "a" * 65])
def test_a_name_that_shows_nothing_names_nobody(nobody: str) -> None:
    with pytest.raises(NoPerson):
        normal_name(nobody)


def test_a_name_or_a_key_in_common_is_one_person() -> None:
    bob = Person("bob", key_id_of(b"token of bob"))
    assert not ANN.is_same(bob)
    assert ANN.is_same(replace(bob, name="ann"))
    assert ANN.is_same(replace(bob, key_id=ANN.key_id))


def test_a_signature_names_the_person_for_its_act() -> None:
    odd = Person(normal_name("Zoë; key=x"), ANN.key_id)
    for person in (ANN, odd):
        assert read(KEY, sign(KEY, person, ACT, NOW), ACT, NOW + SIGNATURE_SECONDS) == person


@pytest.mark.parametrize(
    "other",
    [
        {"brand": ""},
        {"method": "PUT"},
        {"route": "/internal/wallet/v2/adjustments/reject"},
        {"request_id": "ann.k2"},
        {"body": b"{}"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_signature_says_nothing_of_another_act(other: dict[str, Any]) -> None:
    with pytest.raises(NoPerson, match="is not admin_service's"):
        read(KEY, sign(KEY, ANN, ACT, NOW), replace(ACT, **other), NOW)


def test_what_is_not_signed_now_by_admin_service_names_nobody() -> None:
    good = sign(KEY, ANN, ACT, NOW)
    wrong = [
        good.replace("person=ann", "person=bob"),
        good.replace(ANN.key_id, key_id_of(b"another")),
        good.replace("t=1000000", "t=1000001"),
        good.replace("v1;", "v2;"),
        sign(b"another key", ANN, ACT, NOW),
        sign(KEY, replace(ANN, name="Ann "), ACT, NOW),
        "",
        good + " ",
    ]
    for value in wrong:
        with pytest.raises(NoPerson):
            read(KEY, value, ACT, NOW)
    for late in (NOW + SIGNATURE_SECONDS + 1, NOW - SIGNATURE_SECONDS - 1):
        with pytest.raises(NoPerson, match="old, or as much ahead"):
            read(KEY, good, ACT, late)
