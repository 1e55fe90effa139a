// Times as people read them. All are UTC, like the topics.

/** Return the time of day: 12:34:56. */
export function clock(ms) {
  return new Date(ms).toISOString().slice(11, 19);
}

/** Return date and time to the minute: 2026-11-28 12:34. */
export function dateAndTime(ms) {
  return new Date(ms).toISOString().slice(0, 16).replace("T", " ");
}

/** Return how long something took or is ago: 850 ms, 12 s, 4 min, 2 h, 3 d. */
export function duration(ms) {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  const seconds = Math.floor(ms / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
