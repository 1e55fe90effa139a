// The order book as a ladder: asks above, the spread between, bids below; a row's bar is what is summed up to it.

import { cumulated, sidesOf } from "./book.js";
import { Places, exact, part, rounded, scaled, textOf } from "./decimals.js";
import { announce, byId, make, setBadge, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";

const ROWS = 16;
const ROWS_OF_PHONES = 8;
const KINDS = { live: "good", syncing: "warn", stale: "bad" };

export class Ladder {
  #panel = new Panel("book", 10);
  #asks = rows(byId("asks"), "ask");
  #bids = rows(byId("bids"), "bid");
  #state = byId("book-state");
  #lastState = null;
  #prices = new Places();
  #quantities = new Places();
  #book = null;

  /** Forget the last symbol. */
  begin(symbol) {
    this.#book = null;
    this.#lastState = null;
    this.#prices.forget();
    this.#quantities.forget();
    this.#panel.doubt(null);
    this.#panel.emptied(
      `No order book of ${symbol} yet: it comes when its depth stream is subscribed to and a snapshot has joined it.`,
    );
    this.#state.hidden = true;
  }

  take(book) {
    this.#book = book;
    this.#panel.heard(book.heard_ms_ago ?? 0);
    draw(this.#draw);
  }

  #draw = () => {
    const book = this.#book;
    if (book === null) return;
    this.#state.hidden = false;
    setBadge(this.#state, book.state, KINDS[book.state]);
    if (this.#lastState !== null && this.#lastState !== book.state)
      announce(`The order book of ${book.symbol} is ${book.state}.`);
    this.#lastState = book.state;
    const { bids, asks } = sidesOf(book);
    if (bids.length === 0 && asks.length === 0) {
      this.#panel.doubt(null); // the empty state says it
      this.#panel.emptied(
        `The order book of ${book.symbol} is ${book.state}: ${book.reason ?? "nobody offers or bids"}.`,
      );
      return;
    }
    this.#panel.filled();
    this.#panel.heard(book.heard_ms_ago ?? 0);
    this.#panel.doubt(book.state === "live" ? null : `Not live (${book.state}): ${book.reason}. Shown as it last was.`);
    const shown = [cumulated(bids.slice(0, ROWS)), cumulated(asks.slice(0, ROWS))];
    const levels = shown.flat();
    this.#prices.over(levels.map(([price]) => price));
    this.#quantities.over(levels.map(([, quantity]) => quantity));
    const most = levels.reduce((sum, [, , upTo]) => (upTo > sum ? upTo : sum), 0n);
    this.#fill(this.#bids, shown[0], most);
    this.#fill(this.#asks, shown[1], most);
    this.#middle(bids[0], asks[0]);
  };

  #fill(side, levels, most) {
    side.forEach(({ row, price, quantity, total }, index) => {
      const level = levels[index];
      setText(price, level === undefined ? "" : exact(level[0], this.#prices.most));
      setText(quantity, level === undefined ? "" : exact(level[1], this.#quantities.most));
      setText(total, level === undefined ? "" : exact(textOf(level[2], 8), this.#quantities.most));
      const bar = level === undefined ? 0 : (part(level[2], most) ?? 0);
      row.style.setProperty("--bar", `${(bar * 100).toFixed(1)}%`);
    });
  }

  #middle(bid, ask) {
    if (bid === undefined || ask === undefined) {
      setText(byId("mid"), "–");
      setText(byId("spread"), bid === undefined ? "nobody bids" : "nobody offers");
      return;
    }
    const [low, high] = [scaled(bid[0]), scaled(ask[0])];
    const spread = high - low;
    setText(byId("mid"), exact(textOf((low + high) * 5n, 17), this.#prices.most));
    const bps = low + high === 0n ? null : basisPoints(textOf((spread * 20_000n * 10n ** 16n) / (low + high)));
    const how = spread < 0n ? "crossed by" : spread === 0n ? "locked:" : "spread";
    setText(byId("spread"), `${how} ${exact(textOf(spread))}${bps === null ? "" : ` · ${bps} bps`}`);
  }
}

function basisPoints(text) {
  const short = rounded(text, 2);
  return short === "0.00" && scaled(text) > 0n ? "< 0.01" : short;
}

/** Make the rows of a side once, best first; they are filled ever again. The best ask stands lowest. */
function rows(body, side) {
  const made = Array.from({ length: ROWS }, (_, index) => {
    const [price, quantity, total] = [make("th", { scope: "row" }), make("td"), make("td", { class: "soft" })];
    const row = make(
      "tr",
      { "data-side": side, class: index >= ROWS_OF_PHONES ? "deep" : null },
      price,
      quantity,
      total,
    );
    return { row, price, quantity, total };
  });
  const inOrder = made.map(({ row }) => row);
  body.replaceChildren(...(side === "ask" ? inOrder.reverse() : inOrder));
  return made;
}
