/* The words of an expression one after the other, and its smallest parts: numbers, names,
   texts, what stands in brackets. */

const KEYWORDS = new Set(
  (
    "False None True and as assert async await break class continue def del elif else " +
    "except finally for from global if import in is lambda nonlocal not or pass raise " +
    "return try while with yield"
  ).split(" "),
);
const DEEPEST = 400; // formulas inside one another

class TooDeep extends Error {}

class Atoms {
  constructor(text) {
    this.text = text;
    this.tokens = tokens(text);
    this.at = 0;
  }

  get now() {
    return this.tokens[this.at];
  }
  get last() {
    return this.tokens[this.at - 1].end;
  }

  is(...texts) {
    return (
      this.now.kind !== "string" && this.now.kind !== "number" && texts.includes(this.now.text)
    );
  }
  skip(text) {
    if (!this.is(text)) return false;
    this.at += 1;
    return true;
  }
  need(text) {
    if (!this.skip(text)) throw new SyntaxRefused(`${text} is missing`);
  }
  node(type, start, line, more = {}) {
    return { type, start, line, end: this.last, ...more };
  }

  deeper(inner) {
    this.depth = (this.depth || 0) + 1;
    if (this.depth > 2 * DEEPEST) throw new TooDeep();
    try {
      return inner();
    } finally {
      this.depth -= 1;
    }
  }

  atom() {
    const token = this.now,
      { start, line } = token;
    if (token.kind === "string") return this.strings(start, line);
    if (token.kind === "end" || token.kind === "newline")
      throw new SyntaxRefused("it ends too early");
    this.at += 1;
    if (token.kind === "number") return this.node("number", start, line, numberOf(token.text));
    if (token.text === "(") return this.parenthesised(start, line);
    if (token.text === "[") return this.sequence(start, line, "]", "list");
    if (token.text === "{") return this.braces(start, line);
    if (token.text === "...") return this.node("constant", start, line, { value: "Ellipsis" });
    if (["True", "False", "None"].includes(token.text))
      return this.node("constant", start, line, { value: token.text });
    if (token.kind !== "name" || KEYWORDS.has(token.text)) throw new SyntaxRefused(token.text);
    return this.node("name", start, line, { name: token.text.normalize("NFKC") });
  }

  strings(start, line) {
    const parts = [];
    while (this.now.kind === "string") {
      parts.push(this.now);
      this.at += 1;
    }
    if (parts.some((part) => part.prefix.includes("f"))) return this.node("other", start, line);
    const bytes = parts[0].prefix.includes("b") ? "b" : "";
    const inside = parts
      .map((part) => part.text.slice(part.prefix.length + part.quote.length, -part.quote.length))
      .join("");
    return this.node("constant", start, line, { value: bytes + repr(inside) });
  }

  parenthesised(start, line) {
    if (this.skip(")")) return this.node("tuple", start, line, { items: [] });
    if (this.is("yield")) return this.yielded();
    const found = this.deeper(() => this.list(")"));
    const generated = this.comprehension();
    this.need(")");
    if (found.bare) return this.node("tuple", start, line, { items: found.items });
    return generated ? this.node("other", start, line) : { ...found, needsBrackets: false };
  }

  yielded() {
    const { start, line } = this.now;
    this.yielding(start, line);
    const found = this.node("other", start, line);
    this.need(")");
    return found;
  }

  yielding(start, line) {
    this.at += 1;
    this.skip("from");
    if (!this.is(")", ";") && this.now.kind !== "newline") this.list(")");
    const value = this.node("other", start, line);
    return { ...value, type: "formula", value, targets: [] };
  }

  sequence(start, line, closing, type) {
    const items = [];
    while (!this.is(closing)) {
      items.push(this.deeper(() => this.item()));
      if (items.length === 1 && this.comprehension()) {
        this.need(closing);
        return this.node("other", start, line);
      }
      if (!this.skip(",")) break;
    }
    this.need(closing);
    return this.node(type, start, line, { items });
  }

  braces(start, line) {
    while (!this.is("}")) {
      if (this.skip("**")) this.binary(5);
      else {
        this.item();
        if (this.skip(":")) this.formula();
      }
      if (this.comprehension() || !this.skip(",")) break;
    }
    this.need("}");
    return this.node("other", start, line);
  }
}

function numberOf(text) {
  const plain = text.replaceAll("_", "");
  if (/j$/i.test(plain) && !/^0x/i.test(plain))
    return {
      type: "constant",
      value: `${floatText(Number(plain.slice(0, -1))).replace(/\.0$/, "")}j`,
    };
  const whole = /^(0[xob]|\d+$)/i.test(plain);
  return {
    whole,
    value: Number(plain),
    digits: whole ? BigInt(plain).toString() : floatText(Number(plain)),
  };
}
