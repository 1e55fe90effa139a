"""Kubernetes' quantities: ``250m``, ``1536Mi``."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final


__all__ = ["parsed"]

_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?")
_FACTORS: Final = {
    "": Decimal(1),
    "m": Decimal("0.001"),
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", 1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", 1)},
}


def parsed(text: object) -> Decimal:
    """Return a quantity as a number.

    Raises:
        ValueError: it is none.
    """
    found = _QUANTITY.fullmatch(str(text))
    if found is None:
        msg = f'"{text}" is no quantity'
        raise ValueError(msg)
    return Decimal(found[1]) * _FACTORS[found[2] or ""]
