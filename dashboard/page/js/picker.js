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
    // With the pointer not "click": the field would lose the focus first, and close the list. What reads the page for
    // somebody clicks without a pointer.
    for (const kind of ["pointerdown", "click"]) this.#list.addEventListener(kind, (event) => this.#onPick(event));
  }

  get symbols() {
    return this.#symbols;
  }

  /** Take the symbols that there are. */
  fill(symbols) {
    this.#symbols = symbols;
    if (!this.#isOpen()) return;
    const pointedAt = this.#shown[this.#active];
    this.#open(this.#input.value === this.#label() ? "" : this.#input.value);
    if (pointedAt !== undefined) this.#activate(placeOf(this.#shown, pointedAt));
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
    const { length } = this.#symbols;
    return length === 0 ? null : this.#symbols[stepped(placeOf(this.#symbols, this.#chosen), step, length)];
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
      this.#list.append(make("p", { class: "none", role: "presentation" }, text));
      announce(text);
    }
    this.#list.hidden = false;
    this.#input.setAttribute("aria-expanded", "true");
    this.#activate(words.length === 0 ? placeOf(this.#shown, this.#chosen) : Math.min(0, this.#shown.length - 1));
  }

  #onPick(event) {
    event.preventDefault();
    const option = event.target.closest("[role=option]");
    if (option !== null && this.#isOpen()) this.#choose(Number(option.dataset.index));
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
    const go = (step) =>
      this.#isOpen() ? this.#activate(stepped(this.#active, step, this.#shown.length)) : this.#open("");
    const moves = {
      ArrowDown: () => go(1),
      ArrowUp: () => go(-1),
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

/** Return where a symbol is among others; -1: nowhere. */
function placeOf(symbols, sought) {
  return symbols.findIndex((one) => one.market === sought?.market && one.symbol === sought?.symbol);
}

/** Return the place a step away, round the ends; from nowhere (-1) to the first or the last. */
function stepped(place, step, length) {
  if (length === 0) return -1;
  return place < 0 && step < 0 ? length - 1 : (place + step + length) % length;
}
