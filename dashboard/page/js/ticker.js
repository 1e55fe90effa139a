// The head line: the last price, and the rolling 24 hours.

import { Places, compact, exact, percentChange, scaled, signed } from "./decimals.js";
import { byId, setAttribute, setText } from "./dom.js";
import { draw } from "./frames.js";
import { marketName } from "./directory.js";
import { Panel } from "./panel.js";

const DIRECTIONS = [
  ["▼", "sell"],
  ["", ""],
  ["▲", "buy"],
];

export class Ticker {
  #panel = new Panel("ticker", 30);
  #ticker = null;
  #trade = null;
  #prices = new Places();
  #before = null;
  #direction = 1;
  #where = null;

  begin(symbol, market) {
    this.#ticker = this.#trade = this.#before = null;
    this.#direction = 1;
    this.#prices.forget();
    this.#where = `${symbol} · ${marketName(market)}`;
    setText(byId("title"), symbol);
    setText(byId("market"), marketName(market));
    document.title = `${this.#where} · binance-kafka`;
    this.#panel.emptied("No price yet.");
  }

  take(ticker) {
    this.#ticker = ticker;
    this.#panel.heard();
    draw(this.#draw);
  }

  /** Take the newest trade: its price is newer than the ticker's. */
  takeTrade(trade) {
    if (trade === null || trade === this.#trade) return;
    this.#trade = trade;
    this.#panel.heard();
    draw(this.#draw);
  }

  #draw = () => {
    const [ticker, trade] = [this.#ticker, this.#trade];
    const newest =
      trade !== null && (ticker === null || trade.trade_time >= ticker.event_time - 2_000)
        ? trade.price
        : ticker?.last_price;
    if (newest === undefined) return;
    this.#panel.filled();
    this.#prices.over([newest, ...(ticker === null ? [] : [ticker.high_price, ticker.low_price, ticker.open_price])]);
    if (this.#before !== null && this.#before !== newest)
      this.#direction = scaled(newest) > scaled(this.#before) ? 2 : 0;
    this.#before = newest;
    const price = exact(newest, this.#prices.most);
    const [sign, kind] = DIRECTIONS[this.#direction];
    setText(byId("last"), `${price} ${sign}`.trim());
    setAttribute(byId("last"), "class", `last ${kind}`.trim());
    document.title = `${price} ${this.#where} · binance-kafka`;
    byId("day").hidden = ticker === null;
    if (ticker !== null) this.#day(ticker);
  };

  #day(ticker) {
    const change =
      ticker.price_change_percent === null
        ? percentChange(ticker.open_price, ticker.last_price)
        : signed(exact(ticker.price_change_percent, 2)).replace("+−", "−");
    setText(byId("change"), change === null ? "–" : `${change} %`);
    setAttribute(byId("change"), "class", change?.startsWith("−") ? "sell" : "buy");
    setText(byId("high"), exact(ticker.high_price, this.#prices.most));
    setText(byId("low"), exact(ticker.low_price, this.#prices.most));
    const [volume, unit] =
      ticker.contract_volume === null ? [ticker.base_volume, "base"] : [ticker.contract_volume, "contracts"];
    setText(byId("volume"), `${compact(volume)} ${unit}`);
    byId("volume").title = exact(volume);
    byId("turnover").title = ticker.quote_volume === null ? "" : exact(ticker.quote_volume);
    setText(byId("turnover"), ticker.quote_volume === null ? "–" : `${compact(ticker.quote_volume)} quote`);
  }
}
