// The market page: one feed of one symbol, handed to the panels.

import { Accounts } from "./accounts.js";
import { Alerts } from "./alerts.js";
import { Candles } from "./candles.js";
import { Depth } from "./depth.js";
import { fetchSymbols } from "./directory.js";
import { Feed } from "./feed.js";
import { Flow } from "./flow.js";
import { Ladder } from "./ladder.js";
import { Liquidity } from "./liquidity.js";
import { startAges } from "./panel.js";
import { Picker } from "./picker.js";
import { INTERVALS, choiceAmong, keepSelection, selectionOfAddress } from "./selection.js";
import { startShortcuts } from "./shortcuts.js";
import { Status } from "./status.js";
import { Tape } from "./tape.js";
import { startTheme } from "./theme.js";
import { Ticker } from "./ticker.js";

const DEPTH = 100; // as many as are known are drawn; the ladder shows fewer
const ASK_AGAIN_MS = 2_000;

const status = new Status();
const picker = new Picker(
  (chosen) => select(chosen),
  () => refreshSymbols(),
);
const panels = {
  ticker: new Ticker(),
  ladder: new Ladder(),
  depth: new Depth(),
  tape: new Tape(),
  flow: new Flow(),
  liquidity: new Liquidity(),
  alerts: new Alerts(),
  accounts: new Accounts(),
  candles: new Candles(selectionOfAddress().interval, (interval) => select({ interval })),
};
let selection = selectionOfAddress();
let feed = null;
let markets = null;
let asking = null;
let ready = false;

const handlers = {
  status(document) {
    status.take(document);
    panels.accounts.allow(document.private);
    markets = document.markets ?? null;
    if (document.ready && !ready) refreshSymbols(); // before that it would be refused
    ({ ready } = document);
  },
  book(document) {
    panels.ladder.take(document);
    panels.depth.take(document);
  },
  candles: (document) => panels.candles.takeAll(document, status.now()),
  candle: (document) => panels.candles.take(document),
  trades(document) {
    panels.tape.take(document, status.now());
    panels.ticker.takeTrade(panels.tape.newest());
  },
  flow: (document) => panels.flow.take(document, status.now()),
  ticker: (document) => panels.ticker.take(document),
  liquidity: (document) => panels.liquidity.take(document),
  alerts: (document) => panels.alerts.take(document),
  accounts: (document) => panels.accounts.take(document),
};

function onFeed(state, address) {
  status.onFeed(state, address);
  if (state === "lost") ready = false;
}

/** Look at something else: a symbol, an interval, or both. */
function select(changes, { replace = false } = {}) {
  selection = { ...selection, ...changes };
  keepSelection(selection, { replace });
  show();
}

/** Begin the feed of what is selected. */
function show() {
  const { market, symbol, interval } = selection;
  feed?.stop();
  let address = "api/v1/operations/stream"; // it says how the service stands, when there is no symbol to ask about
  if (symbol !== null) {
    picker.show(selection);
    for (const panel of [
      panels.ticker,
      panels.ladder,
      panels.depth,
      panels.tape,
      panels.flow,
      panels.liquidity,
      panels.alerts,
    ]) {
      panel.begin(symbol, market);
    }
    panels.candles.begin(symbol, interval);
    address = `api/v1/stream?${new URLSearchParams({ market, symbol, interval, depth: DEPTH })}`;
  }
  feed = new Feed(address, handlers, onFeed).start();
}

/** Ask which symbols there are; again until there is one to show. */
async function refreshSymbols() {
  clearTimeout(asking);
  const symbols = await fetchSymbols(markets);
  if (symbols.length > 0) picker.fill(symbols);
  if (selection.symbol !== null) return;
  const chosen = choiceAmong(symbols);
  if (chosen !== null) select({ market: chosen.market, symbol: chosen.symbol }, { replace: true });
  else asking = setTimeout(refreshSymbols, ASK_AGAIN_MS);
}

function neighbour(step) {
  const next = picker.neighbour(step);
  if (next !== null) select({ market: next.market, symbol: next.symbol });
}

startTheme();
startAges();
startShortcuts({
  "/": () => picker.focus(),
  "[": () => neighbour(-1),
  "]": () => neighbour(1),
  o: () => location.assign("operations"),
  ...Object.fromEntries(INTERVALS.map((interval, index) => [String(index + 1), () => select({ interval })])),
});
addEventListener("popstate", () => {
  selection = { ...selection, ...selectionOfAddress() };
  show();
});
show();
