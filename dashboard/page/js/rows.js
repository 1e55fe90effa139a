// Tables whose rows stay where they are while their figures change: nothing jumps under the pointer or the reader.

import { make, setText } from "./dom.js";

export class Rows {
  #body;
  #kinds;
  #rows = new Map();

  /**
   * @param body the table body.
   * @param kinds of each column the class of its cells; the first is the row's header.
   */
  constructor(body, kinds) {
    this.#body = body;
    this.#kinds = kinds;
  }

  /** Show rows, in order: each a key and its cells, which are text or functions that fill the cell. */
  show(rows) {
    const wanted = new Map(rows);
    for (const [key, { row }] of this.#rows) {
      if (wanted.has(key)) continue;
      row.remove();
      this.#rows.delete(key);
    }
    let at = this.#body.firstElementChild;
    for (const [key, cells] of wanted) {
      const { row, holders } = this.#rows.get(key) ?? this.#make(key);
      cells.forEach((cell, index) =>
        typeof cell === "function" ? cell(holders[index]) : setText(holders[index], cell),
      );
      if (row === at) at = at.nextElementSibling;
      else this.#body.insertBefore(row, at);
    }
  }

  #make(key) {
    const holders = this.#kinds.map((kind, index) =>
      index === 0 ? make("th", { scope: "row", class: kind }) : make("td", { class: kind }),
    );
    const made = { row: make("tr", {}, ...holders), holders };
    this.#rows.set(key, made);
    return made;
  }
}

/** Return a cell that holds a badge. */
export function badge(text, kind) {
  return (holder) => {
    const held = holder.firstElementChild ?? holder.appendChild(make("span"));
    setText(held, text);
    held.className = `badge ${kind}`.trim();
  };
}

/** Return a cell in a class of its own. */
export function marked(text, kind) {
  return (holder) => {
    const held = holder.firstElementChild ?? holder.appendChild(make("span"));
    setText(held, text);
    held.className = kind;
  };
}
