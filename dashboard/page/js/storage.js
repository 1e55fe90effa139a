// What the browser remembers: choices, nothing else. It may be forbidden, and then nothing is remembered.

const PREFIX = "binance-kafka.";

export function recall(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

export function remember(name, value) {
  try {
    localStorage.setItem(PREFIX + name, value);
  } catch {
    // Forbidden, or full.
  }
}
