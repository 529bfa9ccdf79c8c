/* One matrix: as a table of numbers, or as a picture whose numbers are read under the pointer or by arrow keys. */

const MOST_ROWS = 256, MOST_COLUMNS = 256, LINE = 32;

/* Half precision has three digits, of whole numbers up to 2048 all. */
function threeDigits(tensor, value) {
  const whole = !tensor.dtype.startsWith("float") && tensor.picture && tensor.picture.largest <= 2048;
  return digits(typeof value === "string" || tensor.values || whole ? value : Number(value.toPrecision(3)));
}

/* In a wide table three digits too, so that it fits; the whole number is told by its cell. */
const numberIn = (tensor, value, columns) => typeof value === "string" || columns < 8 || Number.isInteger(value)
  ? threeDigits(tensor, value) : digits(Number(value.toPrecision(3)));

/* The index in the tensor of a matrix's element. */
function indexAt(tensor, index, place, columns) {
  const plane = planeOf(tensor.shape), at = [...index];
  if (plane.length < 2) return plane.length ? at.with(plane[0], place) : at;
  return at.with(plane[0], Math.floor(place / columns)).with(plane[1], place % columns);
}

const wordsAt = (tensor, axes, index, place, columns, value) =>
  `${indexInWords(tensor.shape, axes, indexAt(tensor, index, place, columns))}: ${threeDigits(tensor, value)}`;

/* The name under which a value's numbers can be changed: where a server stands behind the page, and only what the model
   is given, its batch and parameters. */
const changeableAs = (value) => page.changeable && value.kind !== "result" && Object.hasOwn(page.changeable, value.name) ? value.name : null;

/* Numbers in cells, tinted; the texts of a dimension at its edge; a vector as lines of eight. */
function tableOf(tensor, matrix, axes, index, labels, changes) {
  const vector = planeOf(tensor.shape).length < 2 && !labels[0];
  const width = vector ? Math.min(8, matrix.columns) : matrix.columns;
  const largest = tensor.values ? largestOf(tensor.values) : tensor.picture.largest;
  const [side, top] = labels.length < 2 ? [null, labels[0]] : labels;
  const written = width <= COLUMNS || tensor.shape.length < 2;
  const table = make("table", written ? {} : { class: "cells" });
  if (top) edge(table, top, side);
  for (let start = 0; start < matrix.numbers.length; start += width) {
    const line = table.insertRow();
    if (side) line.append(make("th", { scope: "row" }, side[start / width]));
    matrix.numbers.slice(start, start + width).forEach((value, column) => {
      const cell = line.insertCell(), exact = tensor.values ? `: ${value}` : `: ${threeDigits(tensor, value)}`;
      cell.textContent = written ? numberIn(tensor, value, width) : "";
      cell.title = indexInWords(tensor.shape, axes, indexAt(tensor, index, start + column, matrix.columns)) + exact;
      cell.style.backgroundColor = tint(value, largest, written ? 0.3 : 0.9);
      if (changes) offer(cell, changes, indexAt(tensor, index, start + column, matrix.columns), value);
    });
  }
  return table;
}

function edge(table, top, side) {
  const line = table.insertRow();
  if (side) line.append(make("td", { class: "corner" }));
  line.append(...top.map((text) => make("th", { scope: "col" }, make("span", {}, text))));
}

/* A picture with first and last index at its edges. */
function pictureOf(tensor, matrix, name, axes, index, changes) {
  const plane = planeOf(tensor.shape), vector = plane.length < 2;
  const columns = Math.min(vector ? LINE : MOST_COLUMNS, matrix.columns);
  const total = vector ? Math.ceil(matrix.columns / columns) : matrix.rows;
  const stride = vector ? columns : matrix.columns;
  const rows = Math.min(MOST_ROWS, Math.ceil(matrix.numbers.length / stride), total);
  const cells = Array.from({ length: rows * columns }, (_, n) => Math.floor(n / columns) * stride + n % columns);
  const canvas = make("canvas", { width: columns, height: rows, role: "img", tabindex: 0,
    "aria-label": `picture of ${name}, ${rows} by ${columns}; arrow keys read its numbers` });
  const [width, height] = sizeOnScreen(rows, columns);
  Object.assign(canvas.style, { width: `${width}px`, aspectRatio: `${width} / ${height}` });
  paint(canvas, cells.map((place) => matrix.numbers[place]), tensor.values ? largestOf(tensor.values) : tensor.picture.largest);
  const readout = make("output", { class: "readout" }, "point at a cell for its index and number");
  const across = vector ? `${axisName(axes, plane[0])}, in lines of ${columns}` : axisName(axes, plane[1]);
  const down = vector || height < 90 ? "" : axisName(axes, plane[0]);
  const frame = make("span", { class: "framed", style: `max-width: ${width + 26}px` },
    edgeOf("top-edge", across, columns - 1), edgeOf("side-edge", down, (rows - 1) * (vector ? stride : 1)),
    make("span", { class: "surface" }, canvas));
  read(canvas, readout, rows, columns, (n) => {
    const value = matrix.numbers[cells[n]];
    return value === undefined ? "nothing here" : wordsAt(tensor, axes, index, cells[n], stride, value);
  }, changes && ((n) => change(canvas, changes, indexAt(tensor, index, cells[n], stride), matrix.numbers[cells[n]])));
  return make("span", {}, frame, readout, ...cutOff(matrix, rows, columns, total, vector));
}

/* First and last index along a side, the dimension's name between. */
const edgeOf = (side, name, last) => make("span", { class: side },
  ...["0", name, String(last)].map((text) => make("span", {}, text)));

/* Square cells, as large as the space allows; where a side has but a few, they are stretched along it. */
function sizeOnScreen(rows, columns) {
  const cell = Math.max(2, Math.min(14, Math.floor(420 / columns), Math.floor(300 / rows)));
  return [columns * (columns > 12 ? cell : 14), rows * (rows > 12 ? cell : 14)];
}

function cutOff(matrix, rows, columns, total, vector) {
  const parts = [...(rows < total ? [`${vector ? "lines" : "rows"} 0 to ${rows - 1} of ${total}`] : []),
    ...(!vector && columns < matrix.columns ? [`columns 0 to ${columns - 1} of ${matrix.columns}`] : [])];
  return parts.length ? [make("small", { class: "left-out" }, `Only ${parts.join(", ")} are drawn.`)] : [];
}

function paint(canvas, values, largest) {
  const style = getComputedStyle(document.documentElement);
  const colour = (sign) => style.getPropertyValue(sign).trim().split(/\s+/).map(Number);
  const plus = colour("--plus"), minus = colour("--minus");
  const context = canvas.getContext("2d");
  const image = context.createImageData(canvas.width, canvas.height);
  values.forEach((value, place) => {
    if (value === undefined) return;
    const odd = typeof value === "string";
    const share = odd ? 1 : largest > 0 ? Math.abs(value) / largest : 0;
    image.data.set([...(odd || value < 0 ? minus : plus), Math.round(255 * share)], 4 * place);
  });
  context.putImageData(image, 0, 0);
}

/* The index and number under the pointer; with the keyboard a cursor that arrows move. */
function read(canvas, readout, rows, columns, words, chosen) {
  const mark = make("span", { class: "cursor", hidden: "" });
  let at = 0;
  const show = (n) => {
    at = n;
    readout.textContent = words(n);
    mark.hidden = false;
    const [left, top] = [n % columns / columns, Math.floor(n / columns) / rows];
    Object.assign(mark.style, { left: `${100 * left}%`, top: `${100 * top}%`,
      width: `${100 / columns}%`, height: `${100 / rows}%` });
  };
  canvas.parentElement.append(mark);
  canvas.addEventListener("pointermove", (event) => {
    const { width, height } = canvas.getBoundingClientRect();
    const within = (share, count) => Math.max(0, Math.min(count - 1, Math.floor(share * count)));
    show(within(event.offsetY / height, rows) * columns + within(event.offsetX / width, columns));
  });
  canvas.addEventListener("focus", () => show(at));
  canvas.addEventListener("blur", () => { mark.hidden = true; });
  if (chosen) {
    canvas.classList.add("changeable");
    canvas.addEventListener("click", () => chosen(at));
  }
  canvas.addEventListener("keydown", (event) => {
    if (chosen && event.key === "Enter") {
      event.stopPropagation();
      chosen(at);
    }
    const by = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: columns, ArrowUp: -columns }[event.key];
    if (!by) return;
    event.preventDefault();
    event.stopPropagation();
    if (at + by >= 0 && at + by < rows * columns) show(at + by);
  });
}
