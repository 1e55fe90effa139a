"""The accounts that there are, and which key speaks for which of them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from sandbox.exchange.private.keys import ApiKey, KeyKind
from schemas.markets import Market


__all__ = [
    "OPENING_BALANCES",
    "Account",
    "AccountSpec",
    "Accounts",
    "PrivateSettings",
    "opening_balances",
    "parse_account",
    "parse_balance",
]

_LABEL = re.compile(r"[a-z0-9][a-z0-9-]*")
_ASSET = re.compile(r"[A-Z0-9]+")
_AMOUNT = re.compile(r"\d+(\.\d{1,8})?")
_PERMISSIONS = ("withdraw", "read-only")

OPENING_BALANCES: Mapping[Market, Mapping[str, str]] = {
    Market.SPOT: {"USDT": "1000000", "BTC": "100", "ETH": "1000", "BNB": "1000"},
    Market.USDM: {"USDT": "1000000"},
    Market.COINM: {"BTC": "100", "ETH": "1000"},
}
"""What an account has of each asset at first, where nothing else is said."""


class AccountSpec(msgspec.Struct, frozen=True, kw_only=True):
    """An account that is to exist."""

    label: str
    kind: KeyKind = KeyKind.HMAC
    """Of its first key."""
    withdraws: bool = False
    """Whether its keys may withdraw, as ``apiRestrictions`` tells."""
    trades: bool = True
    """Whether its keys may place and cancel orders; all may read."""


class PrivateSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Which accounts there are."""

    accounts: Sequence[AccountSpec] = ()
    keys_dir: Path | None = None
    """Where the clients' halves of their keys are written."""
    balances: Mapping[Market, Mapping[str, str]] = msgspec.field(default_factory=lambda: OPENING_BALANCES)
    """What each account has at first, by market and asset."""
    restrictions: bool = True
    """Whether ``GET /sapi/v1/account/apiRestrictions`` is answered; test networks lack it."""


class Account:
    """One account with the keys that are good for it, the newest last."""

    def __init__(self, spec: AccountSpec) -> None:
        self.spec = spec
        self.keys: list[ApiKey] = []

    @property
    def label(self) -> str:
        """Its name here."""
        return self.spec.label


class Accounts:
    """All accounts, by label and by key.

    Args:
        specs: Those that exist; no two of one label.

    Raises:
        ValueError: Two have one label.
    """

    def __init__(self, specs: Iterable[AccountSpec] = ()) -> None:
        self._by_label: dict[str, Account] = {}
        self._by_key: dict[str, tuple[Account, ApiKey]] = {}
        for spec in specs:
            if spec.label in self._by_label:
                msg = f'account "{spec.label}" is named twice'
                raise ValueError(msg)
            self._by_label[spec.label] = Account(spec)

    def __iter__(self) -> Iterator[Account]:
        return iter(self._by_label.values())

    def labelled(self, label: str) -> Account | None:
        """Return the account of a label."""
        return self._by_label.get(label)

    def of_key(self, name: str) -> tuple[Account, ApiKey] | None:
        """Return the account that a key's name belongs to, and that key."""
        return self._by_key.get(name)

    def add_key(self, label: str, key: ApiKey) -> None:
        """Let a key speak for an account, beside those that do."""
        account = self._by_label[label]
        account.keys.append(key)
        self._by_key[key.name] = account, key

    def revoke(self, label: str, *, newest_too: bool) -> Sequence[str]:
        """Let an account's keys be good for nothing, but for the newest if that is wanted; return their names."""
        account = self._by_label[label]
        gone = account.keys if newest_too else account.keys[:-1]
        account.keys = account.keys[len(gone) :]
        for key in gone:
            del self._by_key[key.name]
        return [key.name for key in gone]


def parse_account(text: str) -> AccountSpec:
    """Return the account that ``main``, ``main:ed25519`` or ``main:hmac:withdraw`` means.

    Raises:
        ValueError: It is not of that form.
    """
    label, _, rest = text.partition(":")
    kind, _, permission = rest.partition(":")
    kinds = ", ".join(KeyKind)
    if not _LABEL.fullmatch(label):
        msg = f'account "{text}": a label is small letters, digits and hyphens, as in main:hmac'
        raise ValueError(msg)
    if rest and kind not in list(KeyKind):
        msg = f'account "{text}": "{kind}" is no kind of key; there are {kinds}'
        raise ValueError(msg)
    if permission and permission not in _PERMISSIONS:
        msg = f'account "{text}": "{permission}" is none of {", ".join(_PERMISSIONS)}'
        raise ValueError(msg)
    return AccountSpec(
        label=label,
        kind=KeyKind(kind) if kind else KeyKind.HMAC,
        withdraws=permission == "withdraw",
        trades=permission != "read-only",
    )


def parse_balance(text: str) -> tuple[Market, str, str]:
    """Return market, asset and amount of ``spot:USDT=5000``.

    Raises:
        ValueError: It is not of that form.
    """
    market, _, rest = text.partition(":")
    asset, _, amount = rest.partition("=")
    if market not in list(Market) or not _ASSET.fullmatch(asset) or not _AMOUNT.fullmatch(amount):
        msg = f'balance "{text}" is not of the form MARKET:ASSET=AMOUNT, as in spot:USDT=5000'
        raise ValueError(msg)
    return Market(market), asset, amount


def opening_balances(named: Iterable[tuple[Market, str, str]]) -> dict[Market, Mapping[str, str]]:
    """Return what accounts have at first: of a market that is named what is named, of the others what is usual."""
    balances: dict[Market, dict[str, str]] = {}
    for market, asset, amount in named:
        balances.setdefault(market, {})[asset] = amount
    return {**OPENING_BALANCES, **balances}
