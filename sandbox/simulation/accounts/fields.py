"""The parameters of an account request, read as the venue reads them."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Final

from sandbox.simulation.accounts.amounts import ONE, PLACES, price_units, quantity_units
from sandbox.simulation.accounts.refusals import filter_failure, illegal, missing, refused
from sandbox.simulation.engine import Side
from sandbox.simulation.grid import Grid
from sandbox.simulation.instruments import Instrument
from sandbox.simulation.rest.exchange_info import LARGEST_PRICE, LARGEST_QUANTITY_STEPS
from schemas.markets import Market


__all__ = ["Fields"]

_DECIMAL: Final = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_DECIMAL_RANGE: Final = r"^([0-9]{1,20})(\.[0-9]{1,20})?$"
_INTEGER_RANGE: Final = "^[0-9]{1,20}$"
_CLIENT_ID: Final = re.compile(r"[a-zA-Z0-9-_.:/]{1,36}")
_CLIENT_ID_RANGE: Final = r"^[a-zA-Z0-9-_]{1,36}$"
_TRUTHS: Final = {"true": True, "false": False}


class Fields:
    """Parameters by name; every method raises `RefusedError` where the venue would refuse."""

    def __init__(self, params: Mapping[str, str], market: Market) -> None:
        self._params = params
        self._spot = market is Market.SPOT

    def __contains__(self, name: str) -> bool:
        return bool(self._params.get(name))

    def renamed(self, names: Mapping[str, str]) -> Fields:
        """Return the same parameters, those on the left with the values of those on the right."""
        found = {name: value for name, value in self._params.items() if name not in names}
        found |= {name: self._params[other] for name, other in names.items() if other in self._params}
        return Fields(found, Market.SPOT if self._spot else Market.USDM)

    def with_values(self, values: Mapping[str, str]) -> Fields:
        """Return the same parameters, and these."""
        return Fields({**self._params, **values}, Market.SPOT if self._spot else Market.USDM)

    def text(self, name: str) -> str:
        """Return a parameter that has to be there."""
        value = self._params.get(name)
        if not value:
            raise missing(name)
        return value

    def optional(self, name: str) -> str | None:
        """Return a parameter; None when it is not there."""
        return self._params.get(name) or None

    def integer(self, name: str) -> int | None:
        """Return an integer; None when it is not there."""
        value = self.optional(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= 20):
            raise illegal(name, _INTEGER_RANGE)
        return int(value)

    def limit(self, default: int = 500, largest: int = 1_000) -> int:
        """Return how many items are asked for."""
        found = self.integer("limit")
        if found == 0:
            raise refused(-1130, "Data sent for parameter 'limit' is not valid.")
        return default if found is None else min(found, largest)

    def truth(self, name: str, *, default: bool = False) -> bool:
        """Return whether something is wanted."""
        value = self.optional(name)
        if value is None:
            return default
        found = _TRUTHS.get(value.lower())
        if found is None:
            raise illegal(name, "true|false")
        return found

    def choice(self, name: str, choices: Collection[str], fault: tuple[int, str], default: str | None = None) -> str:
        """Return one of several words; the fault is what is said of any other."""
        value = self.optional(name)
        if value is None:
            if default is None:
                raise missing(name)
            return default
        if value not in choices:
            raise refused(*fault)
        return value

    def side(self) -> Side:
        """Return which way an order trades."""
        return Side(self.choice("side", list(Side), (-1117, "Invalid side.")))

    def client_id(self, name: str) -> str | None:
        """Return a name that the client gives; None when it gives none."""
        value = self.optional(name)
        if value is not None and _CLIENT_ID.fullmatch(value) is None:
            raise illegal(name, _CLIENT_ID_RANGE)
        return value

    def units(self, name: str) -> int:
        """Return an amount in hundred-millionths."""
        value = self.text(name)
        if _DECIMAL.fullmatch(value) is None:
            raise illegal(name, _DECIMAL_RANGE)
        whole, _, fraction = value.partition(".")
        fraction = fraction.rstrip("0")
        if len(fraction) > PLACES:
            raise self._too_precise(name)
        return int(whole) * ONE + int(fraction.ljust(PLACES, "0"))

    def price(self, name: str, each: Instrument) -> int:
        """Return a price in ticks, within the symbol's rules."""
        units = self.units(name)
        if not units:
            raise refused(-1013, "Invalid price.") if self._spot else refused(-4001, "Price less than 0.")
        self._check_places(name, each.price)
        ticks, rest = divmod(units, price_units(each, 1))
        if rest:
            raise filter_failure("PRICE_FILTER") if self._spot else refused(-4014, "Price not increased by tick size.")
        if ticks > each.price.nearest(LARGEST_PRICE):
            raise filter_failure("PRICE_FILTER") if self._spot else refused(-4002, "Price greater than max price.")
        return ticks

    def quantity(self, name: str, each: Instrument) -> int:
        """Return a quantity in steps, within the symbol's rules."""
        units = self.units(name)
        if not units:
            raise (
                refused(-1013, "Invalid quantity.")
                if self._spot
                else refused(-4003, "Quantity less than or equal to zero.")
            )
        self._check_places(name, each.quantity)
        steps, rest = divmod(units, quantity_units(each, 1))
        if rest:
            raise filter_failure("LOT_SIZE") if self._spot else refused(-4023, "Quantity not increased by step size.")
        if steps > LARGEST_QUANTITY_STEPS:
            raise filter_failure("LOT_SIZE") if self._spot else refused(-4005, "Quantity greater than max quantity.")
        return steps

    def _check_places(self, name: str, grid: Grid) -> None:
        fraction = self.text(name).partition(".")[2].rstrip("0")
        if len(fraction) > grid.places:
            raise self._too_precise(name)

    def _too_precise(self, name: str) -> Exception:
        if self._spot:
            return refused(-1111, f"Parameter '{name}' has too much precision.")
        return refused(-1111, "Precision is over the maximum defined for this asset.")
