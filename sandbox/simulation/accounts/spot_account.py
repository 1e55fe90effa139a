"""One account on spot, and how it pays for its trades."""

from __future__ import annotations

from msgspec import Struct

from sandbox.simulation.accounts.commission import FEE_ASSET, SPOT_RATES, Commission, charge, discounted
from sandbox.simulation.accounts.ledger import Ledger
from sandbox.simulation.accounts.orders import OrderFile
from sandbox.simulation.instruments import Instrument


__all__ = ["SpotAccount"]


class SpotAccount(Struct, eq=False):
    """One account on spot."""

    label: str
    ledger: Ledger
    pays_in_bnb: bool
    """Whether commissions are taken from BNB as long as there is some."""
    orders: OrderFile
    update_ms: int

    def pay_commission(
        self, each: Instrument, received_asset: str, received: int, value: int, *, maker: bool
    ) -> Commission:
        """Take the commission on a trade from BNB, or from what was received, and return it.

        Args:
            each: what was traded.
            received_asset: what the trade brought.
            received: how much of it.
            value: what the trade was worth, in units of the quote asset.
            maker: which of its two orders was there first.
        """
        rate = SPOT_RATES.of(maker=maker)
        if self.pays_in_bnb:
            fee = discounted(each.quote_asset, value, rate)
            if fee.amount <= self.ledger.balance(FEE_ASSET).free:
                self.ledger.debit(FEE_ASSET, fee.amount)
                return fee
        fee = charge(received_asset, received, rate)
        self.ledger.debit(received_asset, fee.amount)
        return fee
