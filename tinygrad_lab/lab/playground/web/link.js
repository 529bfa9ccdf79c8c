/* The link holds the expression and its values: #e=relu(w*x+b)&w=2&x=-3 with what addresses do
   not take escaped. */

/* Lines are joined by ";" without a blank after it; comments are left out. */
const compact = (text) =>
  text
    .split("\n")
    .map((line) => line.replace(/#.*/, "").trim())
    .filter(Boolean)
    .join(";");

function escapedPart(text) {
  return encodeURIComponent(text).replace(/%(2B|2C|3A|3B|2F|40)/g, decodeURIComponent);
}

function linkOf({ text, values }) {
  const given = [...values].map(
    ([name, value]) => `${escapedPart(name)}=${escapedPart(value.replaceAll(" ", ""))}`,
  );
  return `#e=${[escapedPart(compact(text)), ...given].join("&")}`;
}

/* What a link holds; null where it holds nothing, an error where it is broken. */
function readLink(hash) {
  if (hash.length < 2) return null;
  const parts = hash
    .slice(1)
    .split("&")
    .map((part) => part.split("="));
  if (parts.some((part) => part.length !== 2) || parts[0][0] !== "e") throw new UsageError(BROKEN);
  try {
    const [[, text], ...given] = parts.map((part) => part.map(decodeURIComponent));
    return { text: text.replace(/;(?! )/g, "\n"), values: new Map(given) };
  } catch {
    throw new UsageError(BROKEN);
  }
}

const BROKEN =
  "this link is broken: it must be #e= with an expression, and &name=value for each value";
