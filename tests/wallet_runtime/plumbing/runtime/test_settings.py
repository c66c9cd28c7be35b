"""A process does not start with wrong settings, and its error names all of them."""

from collections.abc import Callable

import pytest

from tests.wallet_runtime.serving import environment_for
from wallet_runtime.contract.processes import PROCESSES
from wallet_runtime.plumbing.runtime.settings import SecretBytes, SettingsError, read_settings

Change = Callable[[dict[str, str]], object]


@pytest.mark.parametrize("process", PROCESSES)
def test_every_process_starts_with_a_full_environment(process: str) -> None:
    settings = read_settings(process, environment_for(process, 8000))
    assert settings.process == process
    assert settings.advertised_url == "http://127.0.0.1:8000"
    assert not settings.legacy_token_present


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (
            lambda e: e.pop("MULTI_BRAND_ENFORCEMENT"),
            "MULTI_BRAND_ENFORCEMENT must be one of off, observe, enforce; it is not set",
        ),
        (
            lambda e: e.update(MULTI_BRAND_ENFORCEMENT="False"),
            "MULTI_BRAND_ENFORCEMENT must be one of",
        ),
        (
            lambda e: e.update(INTERNAL_SERVICE_TOKEN_GATEWAY=""),
            "INTERNAL_SERVICE_TOKEN_GATEWAY is set but empty",
        ),
        (
            lambda e: e.update(INTERNAL_SERVICE_TOKEN_GATEWAY="token\n"),
            "INTERNAL_SERVICE_TOKEN_GATEWAY begins or ends with white space",
        ),
        (
            lambda e: e.update(PROVIDER_SECRET_MOCKLIVE=" "),
            "PROVIDER_SECRET_MOCKLIVE is set but empty",
        ),
        (lambda e: e.pop("DATABASE_URL"), "DATABASE_URL is required"),
        (lambda e: e.pop("GAME_SERVICE_URL"), "GAME_SERVICE_URL is required"),
        (lambda e: e.update(PORT="eighty"), "PORT must be a whole number"),
        (lambda e: e.update(PORT="99999"), "PORT must be a whole number"),
        (lambda e: e.update(PORT="000000808099999"), "PORT must be a whole number"),
        (lambda e: e.update(COPY="0"), "COPY must be a whole number"),
        (lambda e: e.update(ENVIRONMENT="production", RUBY_FAILPOINT="x"), "never for production"),
    ],
)
def test_a_fault_stops_the_start_and_names_its_variable(change: Change, named: str) -> None:
    environ = environment_for("gateway", 8000)
    change(environ)
    with pytest.raises(SettingsError) as refusal:
        read_settings("gateway", environ)
    assert [fault for fault in refusal.value.faults if named in fault]


def test_all_faults_are_told_together() -> None:
    with pytest.raises(SettingsError) as refusal:
        read_settings("gateway", {})
    assert len(refusal.value.faults) > 8


def test_one_token_for_two_callers_is_refused() -> None:
    environ = environment_for(
        "wallet_service",
        8000,
        INTERNAL_SERVICE_TOKEN_GATEWAY="same",
        INTERNAL_SERVICE_TOKEN_GAME_SERVICE="same",
    )
    with pytest.raises(SettingsError, match="hold one token; every caller needs its own"):
        read_settings("wallet_service", environ)


def test_the_legacy_token_is_seen_and_never_admitted() -> None:
    settings = read_settings(
        "wallet_service", environment_for("wallet_service", 8000, INTERNAL_SERVICE_TOKEN="old")
    )
    assert settings.legacy_token_present
    assert not [token for token in settings.caller_tokens.values() if token.matches(b"old")]


def test_a_secret_never_shows_itself() -> None:
    secret = SecretBytes("hunter2")
    assert "hunter2" not in f"{secret} {secret!r} {[secret]}"
    assert secret.matches(b"hunter2")
    assert not secret.matches("hünter2".encode())
    assert "token-of" not in repr(read_settings("gateway", environment_for("gateway", 8000)))


def test_preparing_statements_can_be_switched_off_for_a_pooler() -> None:
    assert (
        read_settings(
            "gateway", environment_for("gateway", 8000, PREPARE_THRESHOLD="off")
        ).prepare_threshold
        is None
    )
    assert read_settings("gateway", environment_for("gateway", 8000)).prepare_threshold == 0


@pytest.mark.parametrize(
    ("more", "fault"),
    [
        (
            {"ADMIN_TOKEN_BOB": "admin-token"},
            "ADMIN_TOKEN_BOB and ADMIN_TOKEN_ANN hold one token; every person needs its own",
        ),
        ({"ADMIN_TOKEN_": "token"}, "ADMIN_TOKEN_ names no person"),
        ({"ADMIN_TOKEN_b": "token"}, "ADMIN_TOKEN_b names no person"),
    ],
)
def test_every_person_of_the_back_office_has_a_name_and_a_token(
    more: dict[str, str], fault: str
) -> None:
    with pytest.raises(SettingsError, match=fault):
        read_settings("admin_service", environment_for("admin_service", 8000, **more))


def test_a_back_office_without_persons_does_not_start() -> None:
    environ = {
        name: value
        for name, value in environment_for("admin_service", 8000).items()
        if not name.startswith("ADMIN_TOKEN_")
    }
    with pytest.raises(
        SettingsError, match="ADMIN_TOKEN_<PERSON> is required for one person at least"
    ):
        read_settings("admin_service", environ)
    assert set(
        read_settings("admin_service", environment_for("admin_service", 8000)).admin_tokens
    ) == {"ann", "bob"}
