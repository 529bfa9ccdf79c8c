/* Numbers and tensors as elements. */

function make(tag, attributes, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/* Four significant digits; numbers that JSON does not have come as strings. */
function digits(number) {
  if (typeof number === "string") return number === "NaN" ? "NaN" : number === "Infinity" ? "∞" : "−∞";
  if (number === 0) return "0";
  const size = Math.abs(number);
  const text = Number.isInteger(number) && size < 1e6 ? String(number)
    : size >= 1e6 || size < 1e-4 ? number.toExponential(3) : String(Number(number.toPrecision(4)));
  return text.replaceAll("-", "−");
}

const shapeOf = (tensor) => tensor.shape.join("×") || "1";
const only = (tensor) => tensor.values && tensor.values.length === 1 ? digits(tensor.values[0]) : null;

/* A colour for a number between −largest and largest; zero is no colour at all. */
function tint(number, largest, strength) {
  if (typeof number === "string") return "rgb(var(--minus) / 1)";
  const share = largest > 0 ? Math.min(1, Math.abs(number) / largest) : 0;
  return `rgb(var(--${number < 0 ? "minus" : "plus"}) / ${(share * strength).toFixed(3)})`;
}

const largestOf = (values) => values.reduce((m, v) => typeof v === "number" ? Math.max(m, Math.abs(v)) : m, 0);

function tensorElement(tensor, name) {
  const box = make("span", { class: "tensor" });
  if (only(tensor) !== null && tensor.shape.every((n) => n === 1)) {
    box.append(make("span", { class: "one", title: String(tensor.values[0]) }, only(tensor)));
  } else if (tensor.values) {
    box.append(...tables(tensor));
  } else {
    box.append(heatMap(tensor, name));
  }
  return box;
}

/* All numbers: a vector as lines of eight, a matrix as a table, more dimensions as a table for each of the first ones. */
function tables(tensor) {
  const shape = tensor.shape;
  if (!tensor.values.length) return [make("small", {}, `${shapeOf(tensor)}: empty`)];
  const columns = shape.length === 1 ? Math.min(8, shape[0]) : shape[shape.length - 1];
  const rows = shape.length === 1 ? Math.ceil(shape[0] / columns) : shape[shape.length - 2];
  const largest = largestOf(tensor.values);
  const found = [];
  for (let start = 0; start < tensor.values.length; start += rows * columns) {
    const table = make("table");
    for (let row = 0; row < rows; row += 1) {
      const line = table.insertRow();
      for (let column = 0; column < columns; column += 1) {
        const value = tensor.values[start + row * columns + column];
        if (value === undefined) break;
        const cell = line.insertCell();
        cell.textContent = digits(value);
        cell.title = String(value);
        cell.style.backgroundColor = tint(value, largest, 0.3);
      }
    }
    found.push(table);
  }
  return found;
}

function heatMap(tensor, name) {
  const { rows, columns, values } = tensor.heat;
  const style = getComputedStyle(document.documentElement);
  const colour = (sign) => style.getPropertyValue(sign).trim().split(/\s+/).map(Number);
  const plus = colour("--plus"), minus = colour("--minus");
  const canvas = make("canvas", { width: columns, height: rows, role: "img" });
  const about = `${shapeOf(tensor)}, norm ${digits(tensor.norm)}, from ${digits(tensor.min)} to ${digits(tensor.max)}`;
  canvas.setAttribute("aria-label", `heat map of ${name}: ${about}`);
  canvas.style.width = `${Math.max(48, columns * 10)}px`;
  canvas.style.height = `${Math.max(10, rows * 10)}px`;
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, rows);
  const largest = largestOf(values);
  values.forEach((value, place) => {
    const odd = typeof value === "string";
    const share = odd ? 1 : largest > 0 ? Math.abs(value) / largest : 0;
    image.data.set([...(odd || value < 0 ? minus : plus), Math.round(255 * share)], 4 * place);
  });
  context.putImageData(image, 0, 0);
  const figure = make("span", {}, canvas, make("small", {}, about));
  return figure;
}
