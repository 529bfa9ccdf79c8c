/* A tensor as an element: a number, tables of numbers, or a picture of one matrix at a time. */

const NUMBERS = 64; // elements that are shown as numbers at once
const COLUMNS = 12; // columns of numbers that fit beside each other
const chosen = new Map(); // by name and shape: the index that was chosen last

function tensorElement(tensor, name, axes, changes = null) {
  const box = make("span", { class: "tensor" });
  if (only(tensor) !== null) {
    const one = make("span", { class: "one", title: String(tensor.values[0]) }, only(tensor));
    if (changes) offer(one, changes, tensor.shape.map(() => 0), tensor.values[0]);
    box.append(one);
  } else if (!sizeOf(tensor.shape)) {
    box.append(make("small", {}, `${shapeOf(tensor)}: empty`));
  } else {
    box.append(slicesElement(tensor, name, axes, changes));
  }
  return box;
}

/* The leading dimensions that are shown beside each other, as far as all their numbers are few; the rest is chosen. */
function shownTogether(shape) {
  const together = [];
  let size = sizeOf(planeOf(shape).map((axis) => shape[axis]));
  for (const axis of leadingOf(shape).reverse()) {
    if (size * shape[axis] > NUMBERS) break;
    size *= shape[axis];
    together.unshift(axis);
  }
  return together;
}

function slicesElement(tensor, name, axes, changes) {
  const { shape } = tensor, key = `${name} ${shape}`;
  const together = shownTogether(shape), picked = leadingOf(shape).filter((axis) => !together.includes(axis));
  const index = chosen.get(key) || shape.map(() => 0);
  const view = make("span", { class: "view" });
  const draw = () => view.replaceChildren(...groups(shape, together, index)
    .map((at) => oneMatrix(tensor, name, axes, at, together, changes)));
  const box = make("span", { class: "slices" });
  if (picked.length) {
    box.append(picker(shape, axes, picked, index, name, () => {
      chosen.set(key, index);
      draw();
    }));
  }
  draw();
  box.append(view, ...about(tensor, picked.length > 0));
  return box;
}

/* Every index of the dimensions that are shown together. */
function groups(shape, together, index) {
  return together.reduce((all, axis) => all.flatMap((at) =>
    Array.from({ length: shape[axis] }, (_, n) => at.with(axis, n))), [index]);
}

/* A number field for each dimension of which one index is seen. */
function picker(shape, axes, picked, index, name, changed) {
  const fields = picked.map((axis) => {
    const last = shape[axis] - 1;
    const field = make("input", { type: "number", min: 0, max: last, value: index[axis],
      "aria-label": `${axisName(axes, axis)} of ${name}` });
    field.addEventListener("input", () => {
      index[axis] = Math.max(0, Math.min(last, Math.trunc(Number(field.value)) || 0));
      changed();
    });
    return make("label", {}, axisName(axes, axis), field, make("span", { class: "quiet" }, `of ${shape[axis]}`));
  });
  return make("span", { class: "picker" }, ...fields);
}

function oneMatrix(tensor, name, axes, index, captioned, changes) {
  const { shape } = tensor, plane = planeOf(shape);
  const size = sizeOf(plane.map((axis) => shape[axis]));
  const first = placeOf(shape, index.map((n, axis) => plane.includes(axis) ? 0 : n));
  const part = make("span", { class: "matrix" });
  if (captioned.length) part.append(make("small", {}, indexInWords(shape, axes, index, captioned)));
  const known = numbersOf(tensor).slice(first, first + size);
  if (!known.length) {
    const where = indexInWords(shape, axes, index, leadingOf(shape));
    const words = `${where}: not in the page, to keep it small. The terminal shows it.`;
    part.append(make("small", { class: "left-out" }, words));
    return part;
  }
  const rows = plane.length < 2 ? 1 : shape[plane[0]];
  const matrix = { numbers: known, rows, columns: shape[plane.at(-1)], size };
  const labels = plane.map((axis) => labelsAlong(axes, axis, index, shape[axis]));
  const few = size <= NUMBERS && (matrix.columns <= COLUMNS || plane.length < 2);
  part.append(few || labels.some(Boolean) ? tableOf(tensor, matrix, axes, index, labels, changes)
    : pictureOf(tensor, matrix, name, axes, index, changes));
  return part;
}

/* What a larger tensor is like, and what of it is not here. */
function about(tensor, several) {
  if (tensor.values) {
    const rounded = tensor.shape.at(-1) >= 8 && tensor.values.some((value) => !Number.isInteger(value));
    return rounded ? [make("small", {}, "to three digits; a cell under the pointer tells them all")] : [];
  }
  const { kept, largest } = tensor.picture, size = sizeOf(tensor.shape);
  const extent = `from ${digits(tensor.min)} to ${digits(tensor.max)}, norm ${digits(tensor.norm)}`;
  const words = make("small", {}, `${shapeOf(tensor)}, ${extent}; numbers to three digits`);
  if (kept === size) return [legend(largest, several), words];
  const missing = `Only the first ${kept} of ${size} numbers are in the page.`;
  return [legend(largest, several), words, make("small", { class: "left-out" }, missing)];
}

/* The scale of colours: zero in the middle. */
function legend(largest, several) {
  const scale = { class: "scale", role: "img", "aria-label": "colours, zero in the middle" };
  const said = several ? [make("span", { class: "quiet" }, "the same scale for all its slices")] : [];
  return make("span", { class: "legend" }, make("span", {}, digits(-largest)),
    make("span", scale, make("span", {}, "0")), make("span", {}, digits(largest)), ...said);
}
