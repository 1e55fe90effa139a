// The symbol picker: a combobox that is typed into. Arrow keys, Enter, Escape, Home and End do what they do elsewhere.

import { announce, byId, make } from "./dom.js";
import { marketName } from "./directory.js";

const MOST_SHOWN = 60;
const KINDS = { live: "good", syncing: "warn", stale: "bad" };

export class Picker {
  #input = byId("symbol");
  #list = byId("symbols");
  #symbols = [];
  #shown = [];
  #active = -1;
  #chosen = null;
  #onChoice;
  #onOpen;

  constructor(onChoice, onOpen) {
    this.#onChoice = onChoice;
    this.#onOpen = onOpen;
    this.#input.addEventListener("focus", () => this.#input.select());
    this.#input.addEventListener("click", () => this.#open(""));
    this.#input.addEventListener("input", () => this.#open(this.#input.value));
    this.#input.addEventListener("keydown", (event) => this.#onKey(event));
    this.#input.addEventListener("blur", () => this.#close());
    // Not "click": the field would lose the focus first, and close the list.
    this.#list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const option = event.target.closest("[role=option]");
      if (option !== null) this.#choose(Number(option.dataset.index));
    });
  }

  get symbols() {
    return this.#symbols;
  }

  /** Take the symbols that there are. */
  fill(symbols) {
    this.#symbols = symbols;
    if (this.#isOpen()) this.#open(this.#input.value === this.#label() ? "" : this.#input.value);
  }

  /** Show what is chosen. */
  show(choice) {
    this.#chosen = choice;
    this.#input.value = this.#label();
  }

  focus() {
    this.#input.focus();
    this.#open("");
  }

  /** Return the symbol so many places further on in the list. */
  neighbour(step) {
    const here = this.#symbols.findIndex(
      (one) => one.market === this.#chosen?.market && one.symbol === this.#chosen?.symbol,
    );
    const { length } = this.#symbols;
    return length === 0 ? null : this.#symbols[(here + step + length) % length];
  }

  #label() {
    return this.#chosen === null ? "" : `${this.#chosen.symbol} · ${marketName(this.#chosen.market)}`;
  }

  #isOpen() {
    return !this.#list.hidden;
  }

  #open(sought) {
    if (!this.#isOpen()) this.#onOpen();
    const words = sought
      .toUpperCase()
      .split(/[\s·]+/)
      .filter(Boolean);
    const matching = this.#symbols.filter((one) => {
      const text = `${one.symbol} ${marketName(one.market).toUpperCase()} ${one.market.toUpperCase()}`;
      return words.every((word) => text.includes(word));
    });
    this.#shown = matching.slice(0, MOST_SHOWN);
    this.#list.replaceChildren(...this.#shown.map((one, index) => this.#option(one, index)));
    if (matching.length > MOST_SHOWN) {
      this.#list.append(make("p", { class: "none" }, `and ${matching.length - MOST_SHOWN} more: type on`));
    }
    if (matching.length === 0) {
      const text = this.#symbols.length === 0 ? "No symbol is known yet." : `No symbol has “${sought}” in its name.`;
      this.#list.append(make("p", { class: "none" }, text));
      announce(text);
    }
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#activate(words.length > 0 && this.#shown.length > 0 ? 0 : -1);
  }

  #option(one, index) {
    return make(
      "div",
      { role: "option", id: `symbol-${index}`, "data-index": index, "aria-selected": "false" },
      make("b", {}, one.symbol),
      make("span", { class: "soft" }, marketName(one.market)),
      make("span", { class: `badge ${KINDS[one.state] ?? ""}` }, one.state ?? "no book"),
    );
  }

  #close() {
    this.#list.hidden = true;
    this.#input.setAttribute("aria-expanded", "false");
    this.#input.removeAttribute("aria-activedescendant");
    this.#input.value = this.#label();
  }

  #activate(index) {
    this.#active = index;
    [...this.#list.querySelectorAll("[role=option]")].forEach((option, at) => {
      option.setAttribute("aria-selected", String(at === index));
      if (at === index) option.scrollIntoView({ block: "nearest" });
    });
    if (index < 0) this.#input.removeAttribute("aria-activedescendant");
    else this.#input.setAttribute("aria-activedescendant", `symbol-${index}`);
  }

  #choose(index) {
    const chosen = this.#shown[index];
    if (chosen === undefined) return;
    this.#chosen = chosen;
    this.#close();
    this.#onChoice(chosen);
  }

  #onKey(event) {
    const { length } = this.#shown;
    const moves = {
      ArrowDown: () => (this.#isOpen() ? this.#activate((this.#active + 1) % Math.max(1, length)) : this.#open("")),
      ArrowUp: () =>
        this.#isOpen() ? this.#activate((this.#active - 1 + length) % Math.max(1, length)) : this.#open(""),
      Enter: () => this.#choose(this.#active),
      Escape: () => this.#close(),
    };
    const move = moves[event.key];
    if (move === undefined || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  }
}
