"""Price and quantity steps of a symbol, as far as its trades and book tickers show them."""

from __future__ import annotations

import msgspec


__all__ = ["StepObserver", "Steps"]

_SAMPLED_FRAMES = 500


class Steps(msgspec.Struct, frozen=True):
    """Decimal places that prices and quantities were seen to use."""

    price_places: int = 0
    quantity_places: int = 0

    @property
    def tick_size(self) -> str:
        """The price step, as exchangeInfo spells it."""
        return _step(self.price_places)

    @property
    def step_size(self) -> str:
        """The quantity step, as exchangeInfo spells it."""
        return _step(self.quantity_places)


class _Payload(msgspec.Struct):
    """Prices and quantities of a trade, an aggregate trade or a book ticker."""

    p: str = ""
    q: str = ""
    b: str = ""
    B: str = ""


_decode = msgspec.json.Decoder(_Payload).decode


class StepObserver:
    """Looks at the first few hundred trades and book tickers of a symbol."""

    def __init__(self) -> None:
        self.steps = Steps()
        self._left = _SAMPLED_FRAMES

    def observe(self, data: bytes) -> None:
        """Look at the payload of a trade, aggregate trade or book ticker; anything else tells nothing."""
        if not self._left:
            return
        try:
            payload = _decode(data)
        except msgspec.DecodeError:
            return
        self._left -= 1
        self.steps = Steps(
            max(self.steps.price_places, _places(payload.p), _places(payload.b)),
            max(self.steps.quantity_places, _places(payload.q), _places(payload.B)),
        )


def _places(number: str) -> int:
    return len(number.partition(".")[2].rstrip("0"))


def _step(places: int) -> str:
    return f"0.{'1'.rjust(places, '0')}" if places else "1"
