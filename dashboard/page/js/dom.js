// Small helpers over the DOM. Text goes in as text, never as markup; styles through CSSOM, as the policy wants.

/** Return the element with an id, which must be there. */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element "${id}"`);
  return found;
}

/** Make an element: attributes, then children (elements or text). */
export function make(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Set the text of a node where it differs: what is equal is not laid out again. */
export function setText(node, text) {
  if (node.textContent !== text) node.textContent = text;
}

/** Set an attribute where it differs; null takes it away. */
export function setAttribute(node, name, value) {
  if (value === null) node.removeAttribute(name);
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/** Give a badge its text and its kind: good, warn, bad or none. */
export function setBadge(node, text, kind = "") {
  setText(node, text);
  setAttribute(node, "class", `badge ${kind}`.trim());
}

/** Say something to screen readers, once and politely; the same thing twice is said once. */
export function announce(text) {
  setText(byId("announcements"), text);
}

/** Return what a colour of css/tokens.css is now. */
export function colour(token) {
  const probe = byId("probe");
  probe.style.color = `var(--${token})`;
  return getComputedStyle(probe).color;
}

/** Keep the choice made in a row of buttons; calls back with its value. */
export function chooseAmong(row, chosen, callback) {
  const buttons = [...row.querySelectorAll("button")];
  const show = (value) => {
    for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === value));
  };
  show(chosen);
  row.addEventListener("click", (event) => {
    const button = event.target.closest("button");
    if (button === null) return;
    show(button.value);
    callback(button.value);
  });
  return show;
}
