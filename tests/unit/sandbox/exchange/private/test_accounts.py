"""Accounts as the command line names them, and whose key is whose."""

from __future__ import annotations

import pytest

from sandbox.exchange.private.accounts import (
    OPENING_BALANCES,
    Accounts,
    AccountSpec,
    opening_balances,
    parse_account,
    parse_balance,
)
from sandbox.exchange.private.keys import ApiKey, KeyKind
from schemas.markets import Market


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("main", AccountSpec(label="main")),
        ("main:hmac", AccountSpec(label="main", kind=KeyKind.HMAC)),
        ("hedge-2:ed25519", AccountSpec(label="hedge-2", kind=KeyKind.ED25519)),
        ("a:rsa:withdraw", AccountSpec(label="a", kind=KeyKind.RSA, withdraws=True)),
        ("a:hmac:read-only", AccountSpec(label="a", trades=False)),
    ],
)
def test_an_account_is_named_with_its_key_and_what_that_may_do(text: str, spec: AccountSpec) -> None:
    assert parse_account(text) == spec


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a label is small letters"),
        ("Main", "a label is small letters"),
        ("-a", "a label is small letters"),
        ("main:dsa", '"dsa" is no kind of key'),
        ("main:hmac:trade", '"trade" is none of withdraw, read-only'),
    ],
)
def test_what_names_no_account_is_refused_with_a_sentence(text: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_account(text)


@pytest.mark.parametrize(
    "text", ["", "spot", "spot:USDT", "moon:USDT=1", "spot:usdt=1", "spot:USDT=-1", "spot:USDT=1e3"]
)
def test_what_names_no_balance_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="MARKET:ASSET=AMOUNT"):
        parse_balance(text)


def test_of_a_market_that_is_named_only_what_is_named_is_there() -> None:
    named = [parse_balance(text) for text in ("spot:USDT=5000", "spot:BTC=0.5")]

    assert opening_balances(named) == {**OPENING_BALANCES, Market.SPOT: {"USDT": "5000", "BTC": "0.5"}}


def test_no_two_accounts_have_one_label() -> None:
    with pytest.raises(ValueError, match='"main" is named twice'):
        Accounts([AccountSpec(label="main"), AccountSpec(label="main")])


def test_keys_are_good_until_they_are_revoked() -> None:
    accounts = Accounts([AccountSpec(label="main"), AccountSpec(label="hedge")])
    for label, name in (("main", "a"), ("main", "b"), ("hedge", "c")):
        accounts.add_key(label, ApiKey.of_secret(name, "s"))

    assert accounts.revoke("main", newest_too=False) == ["a"]
    assert accounts.of_key("a") is None
    known = accounts.of_key("b")
    assert known is not None
    assert known[0].label == "main"
    assert accounts.revoke("main", newest_too=False) == []
    assert accounts.revoke("main", newest_too=True) == ["b"]
    assert accounts.revoke("main", newest_too=True) == []
    assert accounts.of_key("c") is not None
