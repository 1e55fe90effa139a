// Orders, balances and positions, where the read service may show them.

import { exact, scaled } from "./decimals.js";
import { byId, make } from "./dom.js";
import { draw } from "./frames.js";
import { Panel } from "./panel.js";
import { clock, dateAndTime } from "./times.js";

const OVER = new Set(["FILLED", "CANCELED", "REJECTED", "EXPIRED", "EXPIRED_IN_MATCH", "FINISHED"]);

export class Accounts {
  #panel = new Panel("private", Infinity);
  #accounts = null;
  #shown = "orders";

  constructor() {
    byId("private").hidden = true;
    const tabs = byId("private-tabs");
    tabs.addEventListener("click", (event) => {
      const button = event.target.closest("button");
      if (button !== null) this.#show(button.value);
    });
    this.#show("orders");
  }

  /** Show the panel where private topics are read. */
  allow(allowed) {
    byId("private").hidden = !allowed;
    if (allowed && this.#accounts === null) this.#panel.emptied("No orders, balances or positions yet.");
  }

  take(accounts) {
    this.#accounts = accounts;
    this.#panel.heard();
    draw(this.#draw);
  }

  #show(shown) {
    this.#shown = shown;
    for (const button of byId("private-tabs").querySelectorAll("button"))
      button.setAttribute("aria-pressed", String(button.value === shown));
    draw(this.#draw);
  }

  #draw = () => {
    if (this.#accounts === null) return;
    const [head, rows] = TABLES[this.#shown](this.#accounts[this.#shown]);
    if (rows.length === 0) {
      this.#panel.emptied(`No ${this.#shown} yet.`);
      return;
    }
    this.#panel.filled();
    byId("private-head").replaceChildren(
      make("tr", {}, ...head.map(([name, kind]) => make("th", { scope: "col", class: kind }, name))),
    );
    byId("private-rows").replaceChildren(
      ...rows.map((cells) =>
        make(
          "tr",
          {},
          ...cells.map((cell, at) => (cell instanceof Node ? cell : make("td", { class: head[at][1] }, cell))),
        ),
      ),
    );
  };
}

const LEFT = "left";
const SIDES = { BUY: ["▲ Buy", "left buy"], SELL: ["▼ Sell", "left sell"] };

const TABLES = {
  orders(orders) {
    const head = [
      ["Updated (UTC)", LEFT],
      ["Account", LEFT],
      ["Symbol", LEFT],
      ["Side", LEFT],
      ["Type", LEFT],
      ["Status", LEFT],
      ["Price", ""],
      ["Quantity", ""],
      ["Filled", ""],
      ["Average", ""],
    ];
    const inOrder = [...orders].sort(
      (one, other) => OVER.has(one.status) - OVER.has(other.status) || other.update_time - one.update_time,
    );
    return [
      head,
      inOrder.map((one) => {
        const [side, kind] = SIDES[one.side] ?? [one.side, LEFT];
        const status = make(
          "td",
          { class: LEFT },
          make("span", { class: `badge ${OVER.has(one.status) ? "" : "good"}` }, words(one.status)),
        );
        return [
          `${dateAndTime(one.update_time).slice(0, 10)} ${clock(one.update_time)}`,
          one.account,
          one.symbol,
          make("td", { class: kind }, side),
          words(one.order_type),
          status,
          orDash(one.price),
          orDash(one.quantity),
          exact(one.filled_quantity),
          one.average_price === null ? "–" : orDash(one.average_price),
        ];
      }),
    ];
  },
  balances(balances) {
    const head = [
      ["Account", LEFT],
      ["Market", LEFT],
      ["Asset", LEFT],
      ["Free", ""],
      ["Locked", ""],
      ["Wallet", ""],
      ["Updated (UTC)", ""],
    ];
    const of = (text) => (text === null ? "–" : exact(text));
    return [
      head,
      balances.map((one) => [
        one.account,
        one.market ?? "",
        one.asset,
        of(one.free),
        of(one.locked),
        of(one.wallet_balance),
        dateAndTime(one.update_time),
      ]),
    ];
  },
  positions(positions) {
    const head = [
      ["Account", LEFT],
      ["Symbol", LEFT],
      ["Side", LEFT],
      ["Amount", ""],
      ["Entry", ""],
      ["Unrealised", ""],
      ["Margin", LEFT],
      ["Updated (UTC)", ""],
    ];
    const held = positions.filter((one) => scaled(one.amount, 8) !== 0n);
    return [
      head,
      held.map((one) => [
        one.account,
        one.symbol,
        words(one.position_side),
        exact(one.amount),
        one.entry_price === null ? "–" : exact(one.entry_price),
        one.unrealized_profit === null ? "–" : exact(one.unrealized_profit),
        one.margin_type ?? "–",
        dateAndTime(one.update_time),
      ]),
    ];
  },
};

function orDash(text) {
  return scaled(text) === 0n ? "–" : exact(text);
}

function words(text) {
  return text.toLowerCase().replaceAll("_", " ");
}
