/* Numbers and arrays as elements. */

const $ = (id) => document.getElementById(id);
const IN_FULL = 64; // numbers of an array that are all shown

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* Four significant digits, or as many as are asked for. */
function digits(number, significant = 4) {
  if (!Number.isFinite(number)) return Number.isNaN(number) ? "NaN" : number > 0 ? "∞" : "−∞";
  if (number === 0) return "0";
  const size = Math.abs(number);
  const text =
    Number.isInteger(number) && size < 1e6
      ? String(number)
      : size >= 1e6 || size < 1e-4
        ? number.toExponential(significant - 1)
        : String(Number(number.toPrecision(significant)));
  return text.replaceAll("-", "−");
}

const crosses = (shape) => shape.join("×");

/* Colour for a number: its sign and its size beside the largest; zero has none. */
function tint(number, largest) {
  const share = Number.isFinite(number) ? Math.min(1, Math.abs(number) / (largest || 1)) : 1;
  return `rgb(var(--${number < 0 ? "minus" : "plus"}) / ${(0.3 * share).toFixed(3)})`;
}

const largestOf = (x) =>
  x.data.reduce(
    (most, value) => (Number.isFinite(value) ? Math.max(most, Math.abs(value)) : most),
    0,
  );

const SHORT = 4; // numbers of a vector that stand in a formula
const fitsLine = (x) => x.shape.length === 0 || (x.shape.length === 1 && x.data.length <= SHORT);

/* In a formula: one number, or a few between brackets. */
const brief = (x) =>
  x.shape.length
    ? `[${Array.from(x.data, (number) => digits(number)).join(", ")}]`
    : digits(x.data[0]);

/* All numbers: a vector as a line, a matrix as a table, more dimensions as a table for each of
   the first ones. */
function numbersElement(x) {
  if (x.data.length === 1)
    return make("span", { class: "one", title: String(x.data[0]) }, digits(x.data[0]));
  if (x.data.length > IN_FULL) {
    const norm = Math.sqrt(x.data.reduce((total, value) => total + value * value, 0));
    return make("span", { class: "quiet" }, `${crosses(x.shape)} numbers, of norm ${digits(norm)}`);
  }
  const largest = largestOf(x),
    box = make("span", { class: "tensor" });
  tables(
    x.shape,
    (place) => {
      const cell = make("td", { title: String(x.data[place]) }, digits(x.data[place]));
      cell.style.backgroundColor = tint(x.data[place], largest);
      return cell;
    },
    box,
  );
  return box;
}

/* A table for each matrix of an array, filled by `cell(place)`. */
function tables(shape, cell, box) {
  const [rows, columns] = shape.length > 1 ? shape.slice(-2) : [1, shape[0] ?? 1];
  for (let start = 0; start < sizeOf(shape); start += rows * columns) {
    const table = make("table");
    for (let row = 0; row < rows; row += 1) {
      const line = table.insertRow();
      for (let column = 0; column < columns; column += 1)
        line.append(cell(start + row * columns + column));
    }
    box.append(table);
  }
}
