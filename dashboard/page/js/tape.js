// The tape: every trade as it came, and who crossed the spread, in words, by sign and by colour.

import { Places, exact } from "./decimals.js";
import { byId, make, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { clock } from "./times.js";

const KEPT = 100;
const SIDES = { BUY: ["▲ Buy", "buy"], SELL: ["▼ Sell", "sell"] };

export class Tape {
  #panel = new Panel("tape", 30);
  #body = byId("trades");
  #trades = new Map();
  #rows = new Map();
  #prices = new Places();
  #quantities = new Places();
  #first = true;

  begin(symbol) {
    this.#trades.clear();
    this.#rows.clear();
    this.#body.replaceChildren();
    this.#prices.forget();
    this.#quantities.forget();
    this.#first = true;
    this.#panel.emptied(`No trades of ${symbol} yet: they come when its trade stream is subscribed to.`);
  }

  /** The newest trade that is known; null: none is. */
  newest() {
    for (const trade of this.#trades.values()) if (trade.kind === "trade" && !trade.late) return trade;
    return null;
  }

  take({ trades }, nowMs) {
    if (trades.length === 0) return;
    for (const trade of trades)
      this.#trades.set(`${trade.kind}/${trade.source}/${trade.epoch}/${trade.trade_id}`, trade);
    const newestFirst = [...this.#trades].sort(
      ([, one], [, other]) => other.trade_time - one.trade_time || other.trade_id - one.trade_id,
    );
    this.#trades = new Map(newestFirst.slice(0, KEPT));
    const newest = trades.reduce((last, one) => Math.max(last, one.trade_time), 0);
    if (this.#first) this.#panel.found(nowMs - newest);
    else this.#panel.heard();
    draw(this.#draw);
  }

  #draw = () => {
    if (this.#trades.size === 0) return;
    this.#panel.filled();
    const told = [...this.#trades.values()].filter((one) => one.kind === "trade");
    const shape = `${this.#prices.most}/${this.#quantities.most}`;
    this.#prices.over(told.map((one) => one.price));
    this.#quantities.over(told.map((one) => one.quantity));
    if (shape !== `${this.#prices.most}/${this.#quantities.most}`) this.#rows.clear();
    const rows = [...this.#trades].map(([key, trade]) => [key, this.#rows.get(key) ?? this.#row(trade)]);
    this.#rows = new Map(rows);
    let at = this.#body.firstElementChild;
    for (const [, row] of rows) {
      if (row === at) at = at.nextElementSibling;
      else this.#body.insertBefore(row, at);
    }
    while (at !== null) {
      const next = at.nextElementSibling;
      at.remove();
      at = next;
    }
    const holes = this.#trades.size - told.length;
    setText(byId("tape-note"), holes === 0 ? "" : `${holes} ${holes === 1 ? "hole" : "holes"}`);
    this.#first = false;
  };

  #row(trade) {
    if (trade.kind === "hole") {
      const ids =
        trade.last_missing_id === trade.trade_id
          ? `id ${trade.trade_id} is`
          : `ids ${trade.trade_id} to ${trade.last_missing_id} are`;
      return make("tr", { class: "hole" }, make("td", { colspan: 4 }, `A hole: ${ids} not known.`));
    }
    const [word, kind] = SIDES[trade.taker_side] ?? ["?", ""];
    return make(
      "tr",
      {
        class: this.#first ? null : "fresh",
        title: trade.late ? `id ${trade.trade_id}, came late` : `id ${trade.trade_id}`,
      },
      make("td", { class: "left soft" }, clock(trade.trade_time), trade.late ? " late" : ""),
      make("td", { class: `left ${kind}` }, word),
      make("td", { class: kind }, exact(trade.price, this.#prices.most)),
      make("td", {}, exact(trade.quantity, this.#quantities.most)),
    );
  }
}
