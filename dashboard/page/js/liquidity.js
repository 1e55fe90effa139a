// What the book offers near its mid price, and what taking from it costs.

import { compact, exact, rounded, scaled } from "./decimals.js";
import { byId, make, setText } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";

const BANDS = [
  ["10bps", "0.1 %"],
  ["50bps", "0.5 %"],
  ["100bps", "1 %"],
];

export class Liquidity {
  #panel = new Panel("liquidity", 15);
  #liquidity = null;

  begin(symbol) {
    this.#liquidity = null;
    this.#panel.emptied(`Nothing was told of the liquidity of ${symbol} yet: it is told of live books, each second.`);
  }

  take(liquidity) {
    this.#liquidity = liquidity;
    this.#panel.heard();
    draw(this.#draw);
  }

  #draw = () => {
    const one = this.#liquidity;
    if (one === null) return;
    this.#panel.filled();
    const inQuote = BANDS.some(
      ([band]) => one[`bid_quote_depth_${band}`] !== null || one[`ask_quote_depth_${band}`] !== null,
    );
    const coinm = one.market === "coinm";
    setText(byId("liquidity-note"), inQuote ? "in quote asset" : coinm ? "in contracts" : "in base asset");
    const of = (side, band) => one[`${side}_${inQuote ? "quote_" : ""}depth_${band}`];
    byId("bands").replaceChildren(
      ...BANDS.map(([band, name]) =>
        make(
          "tr",
          {},
          make("th", { scope: "row", class: "left" }, name),
          sum(of("bid", band), "buy"),
          sum(of("ask", band), "sell"),
          lean(one[`imbalance_${band}`]),
        ),
      ),
    );
    byId("costs").replaceChildren(
      ...one.sizes.map((size, index) =>
        make(
          "tr",
          {},
          make("th", { scope: "row", class: "left" }, compact(size)),
          cost(one.buy_slippages_bps[index]),
          cost(one.sell_slippages_bps[index]),
        ),
      ),
    );
    setText(byId("costs-unit"), coinm ? "Contracts" : "Quote asset");
  };
}

function sum(text, kind) {
  if (text === null) return make("td", { class: "soft", title: "Levels so far out are not all known." }, "unknown");
  return make("td", { class: kind, title: exact(text) }, compact(text));
}

function lean(text) {
  if (text === null) return make("td", { class: "soft" }, "–");
  const share = Number(text); // geometry of the bar
  const bar = make("span", { class: "lean", "aria-hidden": "true" });
  bar.style.setProperty("--from", `${50 + Math.min(0, share) * 50}%`);
  bar.style.setProperty("--to", `${50 + Math.max(0, share) * 50}%`);
  bar.style.setProperty("--paint", share < 0 ? "var(--sell)" : "var(--buy)");
  const percent = rounded(text, 2);
  return make("td", { title: exact(text) }, scaled(text) > 0n ? `+${percent}` : percent, bar);
}

function cost(text) {
  if (text === null) return make("td", { class: "soft", title: "The known levels do not give so much." }, "too large");
  return make("td", { title: exact(text) }, `${rounded(text, 2)} bps`);
}
