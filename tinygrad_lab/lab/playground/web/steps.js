/* One step in words, names and numbers. */

const settingText = (value) =>
  typeof value === "boolean" ? (value ? "True" : "False") : digits(value);

function named(name, x) {
  const who = make(
    "div",
    { class: "who" },
    make("b", {}, name),
    make("span", { class: "quiet" }, x.shape.length ? crosses(x.shape) : ""),
  );
  return make("div", { class: "given" }, who, numbersElement(x));
}

function headingParts(phase, step) {
  const settings = Object.entries(step.settings)
    .map(([name, value]) => `${name} = ${settingText(value)}`)
    .join(", ");
  return [
    make("p", { class: "phase" }, phase),
    make("h2", {}, step.called.name),
    ...(settings ? [make("p", { class: "quiet" }, settings)] : []),
    ...(step.added
      ? [
          make(
            "p",
            { class: "quiet" },
            "The formula gives several numbers: their sum is differentiated.",
          ),
        ]
      : []),
  ];
}

function forwardParts(step) {
  const takes = step.inputs.map(({ value }) => {
    const { text, array } = valueOf(value),
      plain = !(value instanceof Value) || value.kind === "constant";
    return named(plain ? "the number" : text, array);
  });
  return [
    ...headingParts("Forward", step),
    make("h3", {}, "Takes"),
    ...takes,
    make("h3", {}, "Makes"),
    named(step.output.name, step.output.array),
  ];
}

/* `taken` are the names of all values of the formula. */
function backwardParts({ step, incoming, contributions }, rules, taken) {
  const parts = [
    ...headingParts("Backward", step),
    make("h3", {}, "Comes in"),
    named(gradientName(step.output.name), incoming),
    make("h3", {}, contributions.length === 1 ? "Goes out" : "Go out"),
  ];
  return [...parts, ...contributions.map((given) => contributionPart(step, given, rules, taken))];
}

function contributionPart(step, given, rules, taken) {
  const box = make("div", { class: "contribution" }),
    copied = !sameShape(given.gradient.shape, step.output.array.shape);
  box.append(...ruleLines(step, given, rules, taken));
  const broadcasts = copied && ["x", "y"].includes(given.parameter);
  if (broadcasts) box.append(make("p", { class: "quiet" }, copiesSaid(step, given)));
  box.append(accumulation(given));
  return box;
}

function copiesSaid(step, { value }) {
  const [from, to] = [value.array.shape, step.output.array.shape].map(shapeWords);
  return `${value.name} was copied from ${from} to ${to}: what comes to its copies is added up.`;
}

const shapeWords = (shape) => (shape.length ? crosses(shape) : "one number");

function ruleLines(step, given, rules, taken) {
  const name = step.called.name;
  if (!Object.hasOwn(rules, name)) return [];
  const rule = new Written(new Rule(rules[name], step, taken)),
    copies =
      !sameShape(given.gradient.shape, step.output.array.shape) &&
      ["x", "y"].includes(given.parameter);
  const lines = rule.lines(given.parameter).map(([left, names, numbers], place, all) => {
    const last = place === all.length - 1,
      sum = last && copies ? "Σ " : "";
    const result = last && fitsLine(given.gradient) ? [brief(given.gradient)] : [];
    const said = [`${sum}${names}`, ...(last ? [`${sum}${numbers}`] : []), ...result];
    const different = said.filter((text, k) => k === 0 || text !== said[k - 1]);
    return make(
      "p",
      { class: "rule" },
      make("b", {}, left),
      ...different.map((text) => make("span", {}, ` = ${text}`)),
    );
  });
  const meanings = rule.meanings(given.parameter);
  return [
    ...lines,
    ...(meanings.length ? [make("p", { class: "quiet" }, `${meanings.join("; ")}.`)] : []),
  ];
}

/* What came before + what comes now = the sum; a value that is used once just gets its gradient. */
function accumulation({ value, gradient, before, place, accumulated }) {
  if (value.uses === 1) return fitsLine(gradient) ? "" : numbersElement(gradient);
  const part = (caption, x) =>
    make("figure", {}, make("figcaption", {}, caption), numbersElement(x));
  const sign = (text) => make("span", { class: "sign" }, text);
  if (!before)
    return make(
      "div",
      { class: "sum" },
      part(`first of ${value.uses} contributions to ${gradientName(value.name)}`, gradient),
    );
  return make(
    "div",
    { class: "sum" },
    part(place === 2 ? "first" : "so far", before),
    sign("+"),
    part(ordinal(place), gradient),
    sign("="),
    part(place === value.uses ? gradientName(value.name) : "so far", accumulated),
  );
}

const ordinal = (place) => ["first", "second", "third"][place - 1] || `${place}th`;
