"""What perpetual positions pay each other, every eight hours."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.simulation.accounts.amounts import ONE, half_away, units_of
from sandbox.simulation.accounts.floor import Floor
from sandbox.simulation.accounts.futures_account import FuturesAccount, margin_asset, notional_at
from sandbox.simulation.accounts.futures_events import account_update
from sandbox.simulation.accounts.moment import Moment
from sandbox.simulation.accounts.positions import Position
from sandbox.simulation.publishers.mark_price import FUNDING_EVERY_MS, mark_price


__all__ = ["Funding"]


class Funding:
    """Pays at full eight hours, UTC, for as long as the market lives."""

    def __init__(self, floor: Floor, accounts: Mapping[str, FuturesAccount]) -> None:
        self._floor = floor
        self._accounts = accounts

    def begin(self, now_ms: int) -> None:
        """Pay at the next full eight hours, and from then on."""
        self._floor.later((now_ms // FUNDING_EVERY_MS + 1) * FUNDING_EVERY_MS, self._pay_all)

    def _pay_all(self, moment: Moment) -> None:
        for account in self._accounts.values():
            for position in account.held():
                self._pay(account, position, moment)
        self.begin(moment.now_ms)

    def _pay(self, account: FuturesAccount, position: Position, moment: Moment) -> None:
        """Let one position pay or receive, and tell of it: on cross margin of the balance alone."""
        each = position.instrument
        market = self._floor.open_market(each.symbol)
        if market is None or each.delivery_ms is not None:
            return
        now = mark_price(market, moment.now_us)
        paid = half_away(notional_at(position, units_of(now.mark)) * units_of(now.funding_rate), ONE)
        received = -paid if position.amount > 0 else paid
        if not received:
            return
        asset = margin_asset(each)
        wallet = account.wallet(asset)
        wallet.balance += received
        wallet.funding += received
        wallet.update_ms = moment.now_ms
        event = account_update(account, "FUNDING_FEE", {asset: received}, (), moment)
        event["a"]["S"] = each.symbol
        moment.tell(account.label, event)
