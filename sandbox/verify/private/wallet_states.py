"""What balances and positions are after each event, told from the events alone: as the latest one says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.order_states import State
from sandbox.verify.private.reports import Fields, number


__all__ = ["WalletChange", "WalletStates"]

_NOT_SEEN: Final = frozenset({"reason", "unrealized_profit"})
"""What is no change by itself: profit moves with the market all the time."""
_KEPT: Final = (
    "entry_price",
    "break_even_price",
    "unrealized_profit",
    "margin_type",
    "isolated_wallet",
    "realized_profit",
)
"""What an event of a position may leave out."""


class WalletChange(msgspec.Struct, frozen=True):
    """A balance or a position that an event changes."""

    kind: str
    """Schema of the record: ``balance``, ``position``."""
    key: bytes
    state: State
    """What it is then."""


class WalletStates:
    """Balances and positions of an account on a market, event by event."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._states: dict[tuple[str, bytes], dict[str, Any]] = {}
        self._times: dict[tuple[str, bytes], int] = {}
        """When the amounts last changed, as the venue says; beside them other things have other times."""
        self._leverages: dict[str, tuple[int, int]] = {}
        """Time and leverage, by symbol."""
        self._multi_assets_mode: bool | None = None
        self._mode_time = -1

    def take(self, event: PrivateEvent, fields: Fields) -> list[WalletChange]:
        """Return what an event changes, and what it is then."""
        take = _TAKERS.get(event.type)
        return take(self, fields) if take is not None else []

    def _spot_position(self, fields: Fields) -> list[WalletChange]:
        changes = []
        for balance in fields["B"]:
            values = {"free": number(balance, "f"), "locked": number(balance, "l")}
            changes += self._amounts("balance", balance["a"], fields["u"], fields["E"], values)
        return changes

    def _transfer(self, fields: Fields) -> list[WalletChange]:
        values = {"last_transfer": number(fields, "d"), "last_transfer_time": fields["T"]}
        return self._beside("balance", fields["a"], fields, values, "last_transfer_time")

    def _lock(self, fields: Fields) -> list[WalletChange]:
        values = {"last_external_lock": number(fields, "d"), "last_external_lock_time": fields["T"]}
        return self._beside("balance", fields["a"], fields, values, "last_external_lock_time")

    def _account_update(self, fields: Fields) -> list[WalletChange]:
        update, changes = fields["a"], []
        times, reason = (fields["T"], int(fields["E"])), {"reason": update.get("m")}
        for balance in update.get("B", ()):
            values = {"wallet_balance": number(balance, "wb"), "cross_wallet_balance": number(balance, "cw"), **reason}
            if change := number(balance, "bc"):
                values["last_change"] = change
            changes += self._amounts("balance", balance["a"], *times, values)
        for position in update.get("P", ()):
            side = position.get("ps", "BOTH")
            values = {
                "amount": number(position, "pa"),
                **reason,
            }
            values |= {ours: number(position, theirs) for ours, theirs in _SOMETIMES.items() if position.get(theirs)}
            if position.get("mt"):
                values["margin_type"] = "isolated" if position["mt"].lower() == "isolated" else "cross"
            changes += self._amounts("position", f"{position['s']}|{side}", *times, values, idle=not values["amount"])
        return changes

    def _amounts(
        self,
        kind: str,
        name: str,
        time_ms: int,
        event_ms: int,
        values: Mapping[str, Any],
        *,
        idle: bool = False,
    ) -> list[WalletChange]:
        """Take over what an event says of one balance or position, unless a later one was there before.

        Args:
            kind: which schema.
            name: the key without the account.
            time_ms: when it changed.
            event_ms: when the venue told of it.
            values: what it is then.
            idle: whether it is none that need be known, as long as nothing is known of it.
        """
        key = kind, f"{self._account}|{name}".encode()
        before = self._times.get(key, -1)
        if before > time_ms:
            return []
        self._times[key] = time_ms
        known = self._states.get(key)
        if known is None and idle:
            return []
        seen = {part: value for part, value in values.items() if part not in _NOT_SEEN}
        again = before == time_ms or "last_change" not in seen
        if again and known is not None and all(known.get(part) == value for part, value in seen.items()):
            return []
        return [self._change(key, time_ms, event_ms, values)]

    def _beside(
        self, kind: str, name: str, fields: Fields, values: Mapping[str, Any], time_name: str
    ) -> list[WalletChange]:
        """Take over what is told beside the amounts, unless a later one was there before, or the same."""
        key = kind, f"{self._account}|{name}".encode()
        known = self._states.get(key, {})
        if known.get(time_name) is not None and known[time_name] > values[time_name]:
            return []
        if all(known.get(part) == value for part, value in values.items()):
            return []
        return [self._change(key, fields["T"], fields["E"], values)]

    def _margin_call(self, fields: Fields) -> list[WalletChange]:
        changes, time_ms = [], int(fields["E"])
        for position in fields["p"]:
            key = "position", f"{self._account}|{position['s']}|{position['ps']}".encode()
            known = self._states.get(key)
            if known is not None and known.get("margin_call_time", -1) >= time_ms:
                continue
            values: dict[str, Any] = {"margin_call_time": time_ms}
            values |= {ours: number(position, theirs) for ours, theirs in _WARNED.items() if position.get(theirs)}
            if known is None:
                values["amount"] = number(position, "pa")
            changes.append(self._change(key, time_ms, time_ms, values))
        return changes

    def _configuration(self, fields: Fields) -> list[WalletChange]:
        times = fields["T"], int(fields["E"])
        if fields.get("ai"):
            return self._mode(fields["ai"]["j"], *times)
        if not fields.get("ac"):
            return []
        symbol, leverage = fields["ac"]["s"], fields["ac"]["l"]
        if self._leverages.get(symbol, (-1, 0))[0] > times[0]:
            return []
        self._leverages[symbol] = times[0], leverage
        prefix = f"{self._account}|{symbol}|".encode()
        return [
            self._change((kind, key), *times, {"leverage": leverage})
            for (kind, key), known in list(self._states.items())
            if kind == "position" and key.startswith(prefix) and known.get("leverage") != leverage
        ]

    def _mode(self, mode: bool, time_ms: int, event_ms: int) -> list[WalletChange]:
        if time_ms < self._mode_time or mode == self._multi_assets_mode:
            self._mode_time = max(self._mode_time, time_ms)
            return []
        self._multi_assets_mode, self._mode_time = mode, time_ms
        return [
            self._change((kind, key), time_ms, event_ms, {"multi_assets_mode": mode})
            for kind, key in list(self._states)
            if kind == "balance"
        ]

    def _new(self, key: tuple[str, bytes]) -> dict[str, Any]:
        """Return what is known of a balance or a position of which nothing is known."""
        if key[0] == "balance":
            return {"multi_assets_mode": self._multi_assets_mode}
        symbol = key[1].decode().split("|")[1]
        return {"leverage": self._leverages[symbol][1] if symbol in self._leverages else None}

    def _change(self, key: tuple[str, bytes], time_ms: int, event_ms: int, values: Mapping[str, Any]) -> WalletChange:
        known = self._states.get(key) or self._new(key)
        if "amount" in values and values["amount"] != known.get("amount"):
            known = {part: value for part, value in known.items() if part not in _KEPT}
        state = {
            **known,
            **values,
            "update_time": max(time_ms, known.get("update_time", 0)),
            "event_time": event_ms,
            "source": "stream",
            "recovered": False,
        }
        self._states[key] = state
        return WalletChange(*key, state)


_SOMETIMES: Final = {
    "entry_price": "ep",
    "break_even_price": "bep",
    "unrealized_profit": "up",
    "realized_profit": "cr",
    "isolated_wallet": "iw",
}
_WARNED: Final = {"mark_price": "mp", "maintenance_margin": "mm", "unrealized_profit": "up"}
_TAKERS: Final[Mapping[str, Callable[[WalletStates, Fields], list[WalletChange]]]] = {
    "outboundAccountPosition": WalletStates._spot_position,  # noqa: SLF001 - its own
    "balanceUpdate": WalletStates._transfer,  # noqa: SLF001
    "externalLockUpdate": WalletStates._lock,  # noqa: SLF001
    "ACCOUNT_UPDATE": WalletStates._account_update,  # noqa: SLF001
    "MARGIN_CALL": WalletStates._margin_call,  # noqa: SLF001
    "ACCOUNT_CONFIG_UPDATE": WalletStates._configuration,  # noqa: SLF001
}
