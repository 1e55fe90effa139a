// What is looked at; the address bar keeps it, so that a page can be sent to somebody.

import { recall, remember } from "./storage.js";

export const INTERVALS = ["1m", "5m", "15m", "1h", "4h", "1d"];
const MARKETS = ["spot", "usdm", "coinm"];

/** Return the selection that the address names; market and symbol are null where it names none. */
export function selectionOfAddress() {
  const given = new URLSearchParams(location.search);
  const market = MARKETS.includes(given.get("market")) ? given.get("market") : null;
  const symbol = market === null ? null : given.get("symbol")?.toUpperCase() || null;
  const interval = given.get("interval") ?? recall("interval");
  return { market, symbol, interval: INTERVALS.includes(interval) ? interval : "1m" };
}

/** Write a selection into the address. */
export function keepSelection({ market, symbol, interval }, { replace }) {
  remember("market", market);
  remember("symbol", symbol);
  remember("interval", interval);
  const address = `?${new URLSearchParams({ market, symbol, interval })}`;
  if (location.search === address) return;
  if (replace) history.replaceState(null, "", address);
  else history.pushState(null, "", address);
}

/** Return what to show where nothing was chosen: what was looked at last, else a book that is live. */
export function choiceAmong(symbols) {
  const last = symbols.find((one) => one.market === recall("market") && one.symbol === recall("symbol"));
  const live = symbols.filter((one) => one.state === "live");
  return last ?? live.find((one) => one.symbol.startsWith("BTC")) ?? live[0] ?? symbols[0] ?? null;
}
