"""The sections of ingest's settings that are about accounts. Nothing secret is in a file of settings."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import BeforeValidator, ConfigDict, Field, SecretStr, model_validator
from pydantic_settings import NoDecode

from ingest.sections import Section, Symbols, fault, names
from schemas.markets import Market


__all__ = ["AccountSettings", "KeySettings", "Label", "ReconcileSettings"]

Label = Annotated[str, Field(min_length=1, max_length=40, pattern=r"^[a-z0-9][a-z0-9-]*$")]
"""Names an account: in settings, as the key of its records, in metrics."""


class AccountSettings(Section):
    """An account: its streams of orders, balances and positions. Its key is elsewhere."""

    markets: Annotated[tuple[Market, ...], NoDecode, BeforeValidator(names)] = Field(
        min_length=1, description="Where it trades: `spot`, `usdm`, `coinm`."
    )
    symbols: dict[Market, Symbols] = Field(
        default_factory=dict,
        description="Instruments, per market, whose orders are asked for at start though none is known yet.",
    )

    @model_validator(mode="after")
    def _symbols_of_its_markets(self) -> Self:
        if strange := sorted(set(self.symbols) - set(self.markets)):
            raise fault("symbols", f"names {strange[0]}, which is not among its markets")
        return self


class KeySettings(Section):
    """An account's key, as the environment gives it."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    api_key: SecretStr | None = Field(default=None, description="Names the key to Binance.")
    secret: SecretStr | None = Field(default=None, description="Signs, of an HMAC key.")
    private_key: SecretStr | None = Field(
        default=None, description="Signs, of an Ed25519 or RSA key: PKCS#8 in PEM, line breaks and all."
    )
    environment: str | None = Field(default=None, description="`sandbox` marks a key of the sandbox.")


class ReconcileSettings(Section):
    """Comparing accounts with the venue's answers, by which is found what their streams missed."""

    interval_s: float = Field(
        default=900.0, gt=0, description="Seconds after a comparison until the next one that nothing else causes."
    )
    first_look_s: float = Field(
        default=86_400.0,
        gt=0,
        description="Seconds back from now, from which on the orders of an account are asked for that was never"
        " compared.",
    )
    hold_s: float = Field(
        default=1.0,
        gt=0.5,
        description="Seconds that an answer waits for what the stream tells of the same, before it is written.",
    )
