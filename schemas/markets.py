"""The three markets of Binance, as every key, topic and setting spells them."""

from __future__ import annotations

from enum import StrEnum


__all__ = ["Market"]


class Market(StrEnum):
    """A product family of the venue."""

    SPOT = "spot"
    """Spot. REST under ``/api/v3``; trade quantities in the base asset."""
    USDM = "usdm"
    """USD-margined futures. REST under ``/fapi/v1``; trade quantities in the base asset."""
    COINM = "coinm"
    """Coin-margined futures. REST under ``/dapi/v1``; trade quantities in contracts of a fixed USD value."""

    @property
    def is_futures(self) -> bool:
        """Whether depth diffs carry ``pu`` and update ids are shared by all symbols."""
        return self is not Market.SPOT
