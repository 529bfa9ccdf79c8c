/* One number is nudged: what the result does, and what the gradient promises. */

const WIDTH = 300,
  HEIGHT = 120,
  SAMPLES = 31;

class Nudge {
  constructor(box) {
    this.box = box;
    this.slider = make("input", {
      type: "range",
      min: -1,
      max: 1,
      step: 0.01,
      value: 0.25,
      id: "nudge-slider",
      "aria-label": "Nudge",
    });
    this.slider.addEventListener("input", () => this.draw());
  }

  /* `result(name, place, number)` evaluates with another number there. */
  show(trace, chosen, result) {
    Object.assign(this, { trace, chosen, result });
    this.samples = null;
    this.draw();
  }

  get input() {
    return this.trace.values.find(
      (value) => value.kind === "input" && value.name === this.chosen.name,
    );
  }

  draw() {
    const { name, place } = this.chosen,
      { array, gradient } = this.input,
      number = array.data[place];
    const slope = gradient ? gradient.data[place] : 0,
      reach = Math.max(1, Math.abs(number));
    const by = Number(this.slider.value) * reach,
      before = this.trace.result.array.data[0];
    const change = this.result(name, place, number + by) - before,
      promised = slope * by;
    this.samples ??= Array.from(
      { length: SAMPLES },
      (_, k) => ((2 * k) / (SAMPLES - 1) - 1) * reach,
    ).map((step) => [step, this.result(name, place, number + step) - before]);
    const label = cellName(name, array.shape, place);
    if (this.box.contains(this.slider))
      this.figures.replaceChildren(...this.numbers(label, by, change, promised));
    else this.build(label, by, change, promised);
    this.picture.replaceChildren(...this.lines(slope, reach, by, change));
    this.title.textContent = `Nudge ${label}`;
    this.slider.setAttribute("aria-valuetext", `${label} by ${digits(by)}`);
  }

  build(label, by, change, promised) {
    this.title = make("h2", {});
    this.figures = make("dl", {}, ...this.numbers(label, by, change, promised));
    this.picture = draw("svg", {
      viewBox: `0 0 ${WIDTH} ${HEIGHT}`,
      role: "img",
      "aria-label": "the result as this number changes, and the line that the gradient draws",
    });
    const legend = make(
      "p",
      { class: "quiet" },
      "solid: the result; dashed: what the gradient promises",
    );
    this.box.replaceChildren(this.title, this.slider, this.figures, this.picture, legend);
  }

  numbers(label, by, change, promised) {
    const rows = [
      [`Δ${label}`, by],
      ["Δresult", change],
      ["gradient × Δ", promised],
      ["difference", change - promised],
    ];
    return rows.flatMap(([term, value]) => [
      make("dt", {}, term),
      make("dd", {}, digits(Number(value.toPrecision(12)))),
    ]);
  }

  lines(slope, reach, by, change) {
    const seen = this.samples.map(([, y]) => y).filter(Number.isFinite);
    const most = Math.max(
      1e-12,
      ...seen.map(Math.abs),
      Number.isFinite(slope)
        ? Math.min(Math.abs(slope * reach), 3 * Math.max(0, ...seen.map(Math.abs)) || Infinity)
        : 0,
    );
    const at = (x, y) => [
      WIDTH / 2 + (0.47 * WIDTH * x) / reach,
      HEIGHT / 2 - 0.45 * HEIGHT * Math.max(-1.2, Math.min(1.2, y / most)),
    ];
    const path = (points) =>
      points
        .map((point, k) => `${k ? "L" : "M"}${point.map((p) => p.toFixed(1)).join(" ")}`)
        .join("");
    const real = this.samples.filter(([, y]) => Number.isFinite(y)).map(([x, y]) => at(x, y));
    const [x, y] = at(by, change),
      [, promised] = at(by, slope * by),
      known = Number.isFinite(change),
      sloping = Number.isFinite(slope);
    return [
      draw("path", { class: "axis", d: `M0 ${HEIGHT / 2}H${WIDTH}M${WIDTH / 2} 0V${HEIGHT}` }),
      ...(sloping
        ? [
            draw("path", {
              class: "tangent",
              d: path([at(-reach, -slope * reach), at(reach, slope * reach)]),
            }),
          ]
        : []),
      draw("path", { class: "curve", d: path(real) }),
      ...(known && sloping ? [draw("path", { class: "gap", d: `M${x} ${y}V${promised}` })] : []),
      ...(known ? [draw("circle", { cx: x, cy: y, r: 4 })] : []),
    ];
  }
}
