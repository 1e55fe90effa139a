// A panel: what it shows, how old that is, and why it cannot be relied on.

import { announce, byId, make, setText } from "./dom.js";
import { duration } from "./times.js";

// A venue's clock, a replay's more so, may be behind ours while all is well: only what is older looks old at once.
const BEHIND_MS = 300_000;

const panels = new Set();
let connected = true;

export class Panel {
  /** The element. */
  element;
  #empty;
  #age;
  #why;
  #limitMs;
  #heardAt = null;
  #reason = null;

  /**
   * @param id of its section.
   * @param limitS seconds without news after which it looks stale; Infinity: news is not expected.
   */
  constructor(id, limitS) {
    this.element = byId(id);
    this.#limitMs = limitS * 1_000;
    this.#empty = this.element.querySelector(".empty");
    this.#age = this.element.querySelector(".age");
    this.#why = make("p", { class: "why", hidden: true });
    this.element.querySelector("header").after(this.#why);
    panels.add(this);
  }

  /** Note that something came which may have lain there: how old it is only its own time tells. */
  found(ageMs) {
    this.heard(ageMs > BEHIND_MS ? ageMs : 0);
  }

  /** Note that there is news, or that it came so long ago. */
  heard(agoMs = 0) {
    this.#heardAt = performance.now() - agoMs;
  }

  /** Show what there is. */
  filled() {
    this.#empty.hidden = true;
    this.element.querySelector(".body").hidden = false;
  }

  /** Show in words that there is nothing, and why. */
  emptied(text) {
    setText(this.#empty, text);
    this.#empty.hidden = false;
    this.element.querySelector(".body").hidden = true;
    this.#heardAt = null;
  }

  /** Say why what is shown cannot be relied on, to listeners as well where `aloud`; null: it can. */
  doubt(reason, { aloud = true } = {}) {
    if (aloud && reason !== null && reason !== this.#reason && this.#heardAt !== null) announce(reason);
    this.#reason = reason;
    this.look();
  }

  /** Look at the age; called twice a second. */
  look() {
    const ageMs = this.#heardAt === null ? null : performance.now() - this.#heardAt;
    const old = ageMs !== null && ageMs > this.#limitMs;
    this.element.classList.toggle("stale", old || this.#reason !== null || (!connected && ageMs !== null));
    setText(this.#age, old || (ageMs !== null && !connected) ? `no news for ${duration(ageMs)}` : "");
    this.#why.hidden = this.#reason === null;
    setText(this.#why, this.#reason ?? "");
  }
}

/** Tell all panels whether anything can be heard. */
export function setConnected(now) {
  connected = now;
  for (const panel of panels) panel.look();
}

/** Have all panels look at their age. */
export function startAges() {
  setInterval(() => {
    for (const panel of panels) panel.look();
  }, 500);
}
