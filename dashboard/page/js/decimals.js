// Exact decimals: text in, text out, BigInt between. What is shown never was a float; charts alone use Number().

const SCALE = 16;

/** Return a decimal text times 10^scale. */
export function scaled(text, scale = SCALE) {
  const negative = text.startsWith("-");
  const [whole, fraction = ""] = (negative ? text.slice(1) : text).split(".");
  if (fraction.length > scale && /[1-9]/.test(fraction.slice(scale)))
    throw new RangeError(`"${text}" has more than ${scale} places`);
  const value = BigInt(whole + fraction.slice(0, scale).padEnd(scale, "0"));
  return negative ? -value : value;
}

/** Return the text of a scaled integer, with all its places. */
export function textOf(value, scale = SCALE) {
  const negative = value < 0n;
  const digits = (negative ? -value : value).toString().padStart(scale + 1, "0");
  const text = scale === 0 ? digits : `${digits.slice(0, -scale)}.${digits.slice(-scale)}`;
  return negative ? `-${text}` : text;
}

/** Return how many places of a text say something: those before the zeros at its end. */
export function placesOf(text) {
  const point = text.indexOf(".");
  return point < 0 ? 0 : text.slice(point + 1).replace(/0+$/, "").length;
}

/** Return the text with at least so many places, thousands apart; a digit that says something is never cut. */
export function exact(text, places = 0) {
  const [whole, fraction = ""] = text.split(".");
  const shown = fraction.replace(/0+$/, "").padEnd(places, "0");
  return grouped(whole) + (shown === "" ? "" : `.${shown}`);
}

/** Return the text rounded half up to some places, thousands apart. */
export function rounded(text, places) {
  return grouped(roundedPlain(text, places));
}

/** Return a rounded text with K, M, B or T in place of thousands: for sums of which the size alone matters. */
export function compact(text, places = 2) {
  const value = scaled(text);
  const size = value < 0n ? -value : value;
  for (const [power, unit] of [
    [12, "T"],
    [9, "B"],
    [6, "M"],
    [3, "K"],
  ]) {
    if (size >= 10n ** BigInt(power + SCALE)) return rounded(textOf(value, SCALE + power), places) + unit;
  }
  return exact(roundedPlain(text, places));
}

/** Return a part of a whole as a number from 0 to 1, for bars and shares; of nothing it is null. */
export function part(value, whole) {
  return whole === 0n ? null : Number((value * 1_000_000n) / whole) / 1_000_000;
}

/** Return the change from one decimal text to another in percent, as text of two places; null from nothing. */
export function percentChange(from, to) {
  const base = scaled(from);
  if (base === 0n) return null;
  return signed(roundedPlain(textOf(((scaled(to) - base) * 10n ** BigInt(SCALE + 2)) / base), 2));
}

/** Return a text with its sign, plus included. */
export function signed(text) {
  return /^-|^[0.]*$/.test(text) ? text.replace("-", "−") : `+${text}`;
}

/** Remembers how many places were needed, so that a column keeps its shape while values change. */
export class Places {
  #most = 0;

  /** Take texts into account and return the places to show. */
  over(texts) {
    for (const text of texts) if (text !== null) this.#most = Math.max(this.#most, placesOf(text));
    return this.#most;
  }

  get most() {
    return this.#most;
  }

  forget() {
    this.#most = 0;
  }
}

function roundedPlain(text, places) {
  const [, fraction = ""] = text.split(".");
  const scale = Math.max(fraction.length, places);
  const value = scaled(text, scale);
  const unit = 10n ** BigInt(scale - places);
  const size = value < 0n ? -value : value;
  const near = (size + unit / 2n) / unit;
  return textOf(value < 0n ? -near : near, places);
}

function grouped(text) {
  const [whole, fraction] = text.split(".");
  const apart = whole.replace("-", "−").replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? apart : `${apart}.${fraction}`;
}
