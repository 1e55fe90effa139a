from __future__ import annotations

from ingest.core.account_known import AccountKnown, SymbolKnown
from schemas.control import ReconcileCause
from schemas.markets import Market
from tests.support.notebook import Notebook


async def test_of_an_account_that_was_never_compared_nothing_is_known_since_the_first_look() -> None:
    account = Notebook().account("BTCUSDT")

    assert await account.before(5_000) == AccountKnown(5_000, {"BTCUSDT": SymbolKnown(time=5_000)})


async def test_what_a_comparison_found_is_known_after_a_restart() -> None:
    notebook = Notebook()
    found = AccountKnown(9_000, {"BTCUSDT": SymbolKnown(order_id=5, open_order_id=4, trade_id=3, time=9_000)})
    account = notebook.account("BTCUSDT")
    await account.before(5_000)
    await account.found(found, ReconcileCause.RECONNECT)

    assert await notebook.account("BTCUSDT").before(20_000) == found
    assert notebook.notes()[-1].cause is ReconcileCause.RECONNECT


async def test_markets_and_accounts_have_notes_of_their_own() -> None:
    notebook = Notebook()
    await notebook.account("BTCUSDT").found(AccountKnown.at_first(9_000, ["BTCUSDT"]), ReconcileCause.START)

    assert await notebook.account(market=Market.USDM).before(5_000) == AccountKnown(5_000, {})


async def test_a_symbol_of_an_event_is_known_after_a_kill() -> None:
    notebook = Notebook()
    account = notebook.account()
    await account.before(5_000)
    account.saw({"ETHUSDT"})
    await notebook.publisher.drain(1.0)

    assert (await notebook.account().before(20_000)).symbols == {"ETHUSDT": SymbolKnown(time=5_000)}


async def test_a_symbol_of_an_event_before_the_first_comparison_is_noted_with_its_beginning() -> None:
    notebook = Notebook()
    account = notebook.account()
    account.saw({"ETHUSDT"})
    await account.before(5_000)
    await notebook.publisher.drain(1.0)

    assert (await notebook.account().before(20_000)).symbols == {"ETHUSDT": SymbolKnown(time=5_000)}


async def test_a_symbol_that_is_noted_is_not_noted_again() -> None:
    notebook = Notebook()
    account = notebook.account("BTCUSDT")
    await account.before(5_000)
    await notebook.publisher.drain(1.0)
    await account.before(6_000)
    account.saw({"BTCUSDT"})
    await notebook.publisher.drain(1.0)

    assert len(notebook.notes()) == 1


async def test_what_another_process_found_counts_and_its_symbols_too() -> None:
    notebook = Notebook()
    mine, theirs = notebook.account("BTCUSDT"), notebook.account("BTCUSDT")
    await mine.before(5_000)
    await mine.found(AccountKnown(6_000, {"BTCUSDT": SymbolKnown(order_id=1, time=6_000)}), ReconcileCause.START)
    row = SymbolKnown(order_id=9, time=8_000)
    await theirs.found(AccountKnown(8_000, {"BTCUSDT": row, "XRPUSDT": row}), ReconcileCause.TIMER)

    assert await mine.before(0) == AccountKnown(8_000, {"BTCUSDT": row, "XRPUSDT": row})


async def test_an_older_note_of_another_process_takes_nothing_back() -> None:
    notebook = Notebook()
    mine, theirs = notebook.account("BTCUSDT"), notebook.account("BTCUSDT")
    await mine.before(5_000)
    found = AccountKnown(8_000, {"BTCUSDT": SymbolKnown(order_id=9, time=8_000)})
    await mine.found(found, ReconcileCause.START)
    await theirs.found(AccountKnown(6_000, {"BTCUSDT": SymbolKnown(order_id=1, time=6_000)}), ReconcileCause.START)

    assert await mine.before(0) == found
