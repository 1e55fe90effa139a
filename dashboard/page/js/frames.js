// Drawing happens once per frame, from whatever came last. A hidden page draws nothing and owes one frame.

const waiting = new Set();

/** Have a drawing function called in the next frame, however often it is asked for until then. */
export function draw(drawing) {
  if (waiting.size === 0) requestAnimationFrame(flush);
  waiting.add(drawing);
}

function flush() {
  const due = [...waiting];
  waiting.clear();
  for (const drawing of due) {
    try {
      drawing();
    } catch (error) {
      // One panel's trouble is not the others'.
      console.error(error);
    }
  }
}
