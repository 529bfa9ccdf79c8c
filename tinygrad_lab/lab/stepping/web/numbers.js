/* Numbers as text and as colours, and elements made in one call. */

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
