"""Whether a key may do more than it is needed for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final

from structlog.stdlib import BoundLogger

from ingest.accounts.account_rest import ApiRestrictions
from ingest.accounts.keys import AccountKey
from ingest.errors import KeyRefusedError, RestUnreachableError


__all__ = ["KeyVetting", "WithdrawingKeyError"]

_ADVICE: Final = (
    "the key may withdraw, and reading needs no such permission: take the permission from it at Binance, or set"
    " allow_withdraw_keys"
)


class WithdrawingKeyError(KeyRefusedError):
    """A key that may withdraw, where that is not allowed: it is refused by us, not by the venue."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.advice = _ADVICE
        super().__init__(f"accounts.{label}", 0, None, _ADVICE)

    def __str__(self) -> str:
        return f"accounts.{self.label}: {_ADVICE}"


class KeyVetting:
    """Asks once of each key of an account whether it may withdraw.

    Args:
        ask: asks the venue what a key may do; None: it does not tell.
        allowed: whether a key that may withdraw is accepted.
        told: whether the venue surely tells: Binance itself does, test networks do not.
        log: bound to the account.
    """

    def __init__(
        self,
        ask: Callable[[AccountKey], Awaitable[ApiRestrictions | None]],
        log: BoundLogger,
        *,
        allowed: bool,
        told: bool,
    ) -> None:
        self._ask = ask
        self._allowed = allowed
        self._told = told
        self._log = log
        self._vetted: AccountKey | None = None

    async def vet(self, key: AccountKey) -> None:
        """Return if a key may be used.

        Raises:
            WithdrawingKeyError: it may withdraw.
            KeyRefusedError: the venue does not take it.
            RestError: the venue does not answer, so that nobody knows.
        """
        if key is self._vetted:
            return
        restrictions = await self._ask(key)
        if restrictions is None and self._told and not self._allowed:
            # A proxy or a wrong address in between must not open what Binance would have closed.
            raise RestUnreachableError("apiRestrictions", "404 where Binance tells what a key may do")
        if restrictions is None:
            self._log.warning("the venue does not tell whether the key may withdraw: test networks do not")
        elif restrictions.enable_withdrawals and not self._allowed:
            raise WithdrawingKeyError(key.label)
        elif restrictions.enable_withdrawals:
            self._log.warning("the key may withdraw: allow_withdraw_keys lets it")
        self._vetted = key
