/* What is said of wrong input: texts, numbers and shapes as Python writes them, so that both
   sides say the same. */

const SHOWN = 60; // characters of the user's text in a message

class UsageError extends Error {}

const ESCAPES = { "\t": "\\t", "\n": "\\n", "\r": "\\r", "\\": "\\\\" };

function repr(text) {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  const written = Array.from(text, (character) => {
    if (character === quote) return `\\${quote}`;
    if (ESCAPES[character]) return ESCAPES[character];
    return character !== " " && /[\p{C}\p{Z}]/u.test(character)
      ? escaped(character.codePointAt(0))
      : character;
  });
  return quote + written.join("") + quote;
}

function escaped(code) {
  const [sign, width] = code < 0x100 ? ["x", 2] : code < 0x10000 ? ["u", 4] : ["U", 8];
  return `\\${sign}${code.toString(16).padStart(width, "0")}`;
}

/* Of a long text beginning and end. */
function short(text) {
  const characters = Array.from(text);
  if (characters.length <= SHOWN) return text;
  return `${characters.slice(0, SHOWN - 20).join("")}…${characters.slice(-18).join("")}`;
}

const quoted = (text) => short(repr(text));

/* A number as Python writes a float. */
function floatText(number) {
  if (Number.isNaN(number)) return "nan";
  if (!Number.isFinite(number)) return number > 0 ? "inf" : "-inf";
  const [mantissa, power] = number.toExponential().split("e");
  const exponent = Number(power);
  if (exponent < -4 || exponent >= 16) {
    return `${mantissa}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  const text = Object.is(number, -0) ? "-0" : plainDigits(number);
  return text.includes(".") ? text : `${text}.0`;
}

function plainDigits(number) {
  const text = String(number);
  return text.includes("e") ? number.toFixed(20).replace(/0+$/, "") : text;
}

const shapeText = (shape) => (shape.length === 1 ? `(${shape[0]},)` : `(${shape.join(", ")})`);
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/* A text without the blanks at both ends that Python takes for such. */
const BLANKS =
  "[\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]+";
const strip = (text) => text.replace(new RegExp(`^${BLANKS}|${BLANKS}$`, "g"), "");
