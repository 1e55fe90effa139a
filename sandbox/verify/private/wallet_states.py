"""What balances and positions are after each event, told from the events alone: as the latest one says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from sandbox.recordings.private import PrivateEvent
from sandbox.verify.private.order_states import State
from sandbox.verify.private.reports import Fields, number


__all__ = ["WalletChange", "WalletStates"]

WalletChange = tuple[str, bytes, State]
"""Schema of the record (``balance``, ``position``), its key, and what it has to be."""


class WalletStates:
    """Balances and positions of an account on a market, event by event."""

    def __init__(self, account: str) -> None:
        self._account = account
        self._states: dict[tuple[str, bytes], dict[str, Any]] = {}

    def take(self, event: PrivateEvent, fields: Fields) -> list[WalletChange]:
        """Return what an event changes, and what it is then."""
        take = _TAKERS.get(event.type)
        return take(self, fields) if take is not None else []

    def _change(
        self, kind: str, name: str, time_ms: int, event_ms: int, values: Mapping[str, Any]
    ) -> list[WalletChange]:
        """Take over what an event says of one balance or position, unless a later one was there before."""
        key = kind, f"{self._account}|{name}".encode()
        state = self._states.get(key)
        if state is not None and state["update_time"] > time_ms:
            return []
        fixed = {"update_time": time_ms, "event_time": event_ms, "source": "stream", "recovered": False}
        after = {**(state or {}), **values, **fixed}
        if after == state:
            return []
        self._states[key] = after
        return [(*key, after)]

    def _spot_position(self, fields: Fields) -> list[WalletChange]:
        return [
            change
            for balance in fields["B"]
            for change in self._change(
                "balance",
                balance["a"],
                fields["u"],
                fields["E"],
                {"asset": balance["a"], "free": number(balance, "f"), "locked": number(balance, "l")},
            )
        ]

    def _transfer(self, fields: Fields) -> list[WalletChange]:
        values = {"last_transfer": number(fields, "d"), "last_transfer_time": fields["T"]}
        return self._beside(fields, values)

    def _lock(self, fields: Fields) -> list[WalletChange]:
        values = {"last_external_lock": number(fields, "d"), "last_external_lock_time": fields["T"]}
        return self._beside(fields, values)

    def _beside(self, fields: Fields, values: Mapping[str, Any]) -> list[WalletChange]:
        """Take over what is told beside the amounts."""
        return self._change("balance", fields["a"], fields["T"], fields["E"], {"asset": fields["a"], **values})

    def _account_update(self, fields: Fields) -> list[WalletChange]:
        update, changes = fields["a"], []
        times = fields["T"], int(fields["E"])
        for balance in update.get("B", ()):
            values = {
                "asset": balance["a"],
                "wallet_balance": number(balance, "wb"),
                "cross_wallet_balance": number(balance, "cw"),
                "reason": update.get("m"),
            }
            changes += self._change("balance", balance["a"], *times, values)
        for position in update.get("P", ()):
            side = position.get("ps", "BOTH")
            values = {
                "symbol": position["s"],
                "position_side": side,
                "amount": number(position, "pa"),
                "entry_price": number(position, "ep"),
                "unrealized_profit": number(position, "up"),
                "margin_type": position.get("mt"),
                "reason": update.get("m"),
            }
            changes += self._change("position", f"{position['s']}|{side}", *times, values)
        return changes


_TAKERS: Final[Mapping[str, Callable[[WalletStates, Fields], list[WalletChange]]]] = {
    "outboundAccountPosition": WalletStates._spot_position,  # noqa: SLF001 - its own
    "balanceUpdate": WalletStates._transfer,  # noqa: SLF001
    "externalLockUpdate": WalletStates._lock,  # noqa: SLF001
    "ACCOUNT_UPDATE": WalletStates._account_update,  # noqa: SLF001
}
