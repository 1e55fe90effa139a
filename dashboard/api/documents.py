"""What answers look like, for the OpenAPI document.

The parts that are values of derived topics are made from their Avro schemas, so that both say the same. Answers are
written by :mod:`dashboard.core.answers` without these models; a test holds one against the other.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model

from dashboard.core.texts import decimal_scale
from schemas.avro import load_schema
from schemas.derived import BookState, TakerSide
from schemas.markets import Market


__all__ = [
    "AlertsAnswer",
    "BookAnswer",
    "BooksAnswer",
    "CandlesAnswer",
    "FlowAnswer",
    "LiquidityAnswer",
    "SlippageAnswer",
    "SymbolsAnswer",
    "TickerAnswer",
]

_PLAIN: Final[dict[str, Any]] = {"string": str, "boolean": bool, "int": int, "long": int, "null": None}
_STRICT: Final = ConfigDict(extra="forbid", strict=True)


class _Answer(BaseModel):
    model_config = _STRICT


def value_model(schema: str, **more: tuple[Any, Any]) -> Any:
    """Return the model of a derived topic's values as JSON: decimals as text with all their places."""
    record = load_schema(schema)
    fields = {field["name"]: _field(field) for field in record["fields"]}
    return create_model(record["name"], __config__=_STRICT, __doc__=record["doc"], **{**more, **fields})


def _field(field: dict[str, Any]) -> tuple[Any, Any]:
    of, doc = field["type"], field.get("doc", "")
    scale = decimal_scale(of)
    nullable = isinstance(of, list) and "null" in of
    if scale is not None:
        text = Field(pattern=rf"^-?[0-9]+\.[0-9]{{{scale}}}$", description=doc)
        return (str | None if nullable else str), text
    return _type_of(of), Field(description=doc)


def _type_of(of: Any) -> Any:
    if isinstance(of, list):
        kinds = [_type_of(branch) for branch in of if branch != "null"]
        return kinds[0] | None
    if isinstance(of, dict):
        return list[_type_of(of["items"])] if of["type"] == "array" else _type_of(of["type"])  # type: ignore[misc]
    return _PLAIN[of]


Level = tuple[str, str]

_TOP: Final = value_model("top-of-book")
_VERIFICATION: Final = Any
_CANDLE: Final = value_model("candle")
_ALERT: Final = value_model("alert")
_FLOW: Final = Any
_MARKET_FIELD: Final = (Market, Field(description="Market of the symbol."))
_AGE_FIELD: Final = (int, Field(description="This machine's time less the event time, ms; never below 0."))
