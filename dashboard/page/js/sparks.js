// Small lines of what a figure was in the last two minutes.

const KEPT = 120;
const [WIDTH, HEIGHT] = [100, 20];
const SVG = "http://www.w3.org/2000/svg";

export class Sparks {
  #courses = new Map();

  /** Note what a figure is now; null leaves a place empty. */
  note(key, value) {
    const course = this.#courses.get(key) ?? [];
    course.push(value);
    if (course.length > KEPT) course.shift();
    this.#courses.set(key, course);
  }

  /** Return a cell that holds the line. */
  cell(key) {
    return (holder) => {
      const line = holder.querySelector("polyline") ?? make(holder);
      line.setAttribute("points", pointsOf(this.#courses.get(key) ?? []));
    };
  }
}

function make(holder) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [name, value] of [
    ["viewBox", `0 0 ${WIDTH} ${HEIGHT}`],
    ["preserveAspectRatio", "none"],
    ["class", "spark"],
    ["aria-hidden", "true"],
  ]) {
    drawing.setAttribute(name, value);
  }
  const line = document.createElementNS(SVG, "polyline");
  drawing.append(line);
  holder.append(drawing);
  return line;
}

function pointsOf(course) {
  const most = Math.max(...course.map((value) => value ?? 0), 1);
  return course
    .map((value, at) =>
      value === null
        ? null
        : `${((KEPT - course.length + at) * WIDTH) / (KEPT - 1)},${HEIGHT - 1 - (value / most) * (HEIGHT - 2)}`,
    )
    .filter((point) => point !== null)
    .join(" ");
}
