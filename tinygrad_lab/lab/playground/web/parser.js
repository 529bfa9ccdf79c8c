/* From words to trees, by precedence.  What Python takes and an expression does not becomes a
   node of type "other": the evaluation refuses it in the same words as the command line.
   Nothing is ever run. */

const BINDING = {
  "|": 5,
  "^": 6,
  "&": 7,
  "<<": 8,
  ">>": 8,
  "+": 9,
  "-": 9,
  "*": 10,
  "/": 10,
  "//": 10,
  "%": 10,
  "@": 10,
};
const COMPARES = new Set("< > <= >= == != in is not".split(" "));
const AUGMENTED = new Set("+= -= *= /= //= %= @= **= &= |= ^= <<= >>=".split(" "));
class Parser extends Atoms {
  /* ---- statements ---- */
  statements() {
    const found = [];
    while (this.now.kind !== "end") {
      if (this.now.kind === "newline") {
        this.at += 1;
        continue;
      }
      found.push(this.statement());
      if (!this.skip(";") && this.now.kind !== "newline") throw new SyntaxRefused("two formulas");
    }
    return found;
  }

  statement() {
    const { start, line } = this.now;
    if (this.is("yield")) return this.yielding(start, line);
    const parts = [this.list()];
    if (this.is(":") || AUGMENTED.has(this.now.text)) {
      this.at += 1;
      this.list();
      if (this.skip("=")) this.list();
      checkTarget(parts[0]);
      return this.node("other", start, line);
    }
    while (this.skip("=")) parts.push(this.list());
    const value = parts.pop();
    if ((value.bare ? value.items : [value]).some((item) => item.needsBrackets))
      throw new SyntaxRefused(":=");
    parts.forEach(checkTarget);
    return this.node(parts.length ? "assign" : "formula", start, line, { targets: parts, value });
  }

  /* A formula, or several between commas. */
  list(closing) {
    const { start, line } = this.now,
      items = [this.item()];
    let commas = false;
    while (this.skip(",")) {
      commas = true;
      if (this.is("=", closing) || ["newline", "end"].includes(this.now.kind) || this.is(";"))
        break;
      items.push(this.item());
    }
    return commas ? this.node("tuple", start, line, { items, bare: true }) : items[0];
  }

  item() {
    const { start, line } = this.now;
    if (!this.skip("*")) return this.named();
    this.binary(5);
    return this.node("other", start, line);
  }

  named() {
    const { start, line } = this.now,
      found = this.formula();
    if (!this.is(":=")) return found;
    if (found.type !== "name") throw new SyntaxRefused(":=");
    this.at += 1;
    this.formula();
    return this.node("other", start, line, { needsBrackets: true });
  }

  /* ---- formulas ---- */
  formula() {
    const { start, line } = this.now;
    if (this.is("lambda")) return this.lambda(start, line);
    const found = this.either();
    if (!this.skip("if")) return found;
    this.either();
    this.need("else");
    this.formula();
    return this.node("other", start, line);
  }

  lambda(start, line) {
    this.at += 1;
    while (!this.is(":")) {
      if (this.now.kind !== "name" && !this.is(",", "*", "**", "=", "/"))
        throw new SyntaxRefused("lambda");
      this.at += 1;
    }
    this.need(":");
    this.formula();
    return this.node("other", start, line);
  }

  either() {
    return this.chain(["or"], () => this.chain(["and"], () => this.negated()));
  }

  chain(words, inner) {
    const { start, line } = this.now;
    let found = inner();
    while (this.is(...words)) {
      this.at += 1;
      inner();
      found = this.node("other", start, line);
    }
    return found;
  }

  negated() {
    const { start, line } = this.now;
    if (!this.skip("not")) return this.comparison();
    this.deeper(() => this.negated());
    return this.node("other", start, line);
  }

  comparison() {
    const { start, line } = this.now;
    let found = this.binary(5);
    while (COMPARES.has(this.now.text) && this.now.kind !== "string") {
      const sign = this.now.text;
      this.at += 1;
      if (sign === "not") this.need("in");
      if (sign === "is") this.skip("not");
      const right = this.binary(5);
      found = this.node("compare", start, line, { sign, left: found, right });
    }
    return found;
  }

  binary(least) {
    const { start, line } = this.now;
    let left = this.deeper(() => this.unary());
    while (this.now.kind === "sign" && BINDING[this.now.text] >= least) {
      const sign = this.now.text;
      this.at += 1;
      const right = this.binary(BINDING[sign] + 1);
      left = this.node("binary", start, line, { sign, left, right });
    }
    return left;
  }

  unary() {
    const { start, line, text: sign } = this.now;
    if (!this.is("-", "+", "~")) return this.power();
    this.at += 1;
    const operand = this.deeper(() => this.unary());
    return this.node("unary", start, line, { sign, operand });
  }

  power() {
    const { start, line } = this.now;
    const awaits = this.skip("await");
    const left = this.primary();
    const base = awaits ? this.node("other", start, line) : left;
    if (!this.skip("**")) return base;
    const right = this.deeper(() => this.unary());
    return this.node("binary", start, line, { sign: "**", left: base, right });
  }

  primary() {
    const { start, line } = this.now;
    let found = this.atom();
    for (;;) {
      if (this.skip(".")) {
        const attribute = this.now;
        if (attribute.kind !== "name" || KEYWORDS.has(attribute.text))
          throw new SyntaxRefused("attribute");
        this.at += 1;
        found = this.node("attribute", start, line, { value: found, name: attribute.text });
      } else if (this.is("(")) {
        const given = this.args();
        found = this.node("call", start, line, { called: found, ...given });
      } else if (this.skip("[")) {
        this.subscript();
        found = this.node("other", start, line, { target: true });
      } else {
        return found;
      }
    }
  }

  subscript() {
    do {
      if (this.is("]")) break;
      if (!this.is(":")) this.item();
      while (this.skip(":")) if (!this.is(":", ",", "]")) this.formula();
    } while (this.skip(","));
    this.need("]");
  }

  args() {
    const { start, line } = this.now,
      args = [],
      keywords = [];
    this.need("(");
    while (!this.is(")")) {
      const next = this.tokens[this.at + 1];
      if (this.now.kind === "name" && next.text === "=" && next.kind === "sign") {
        keywords.push(this.keyword(keywords));
      } else if (this.skip("**")) {
        this.formula();
        keywords.push({ name: null });
      } else {
        if (keywords.length && !this.is("*")) throw new SyntaxRefused("a value after a setting");
        args.push(this.item());
        if (this.comprehension()) return this.generator(start, line, args, keywords);
      }
      if (!this.skip(",")) break;
    }
    this.need(")");
    return { args, keywords };
  }

  keyword(before) {
    const name = this.now.text.normalize("NFKC");
    if (KEYWORDS.has(name) || before.some((known) => known.name === name))
      throw new SyntaxRefused("keyword");
    this.at += 2;
    return { name, value: this.formula() };
  }

  generator(start, line, args, keywords) {
    if (args.length + keywords.length > 1) throw new SyntaxRefused("a generator among values");
    this.need(")");
    return { args: [this.node("other", start, line)], keywords };
  }

  comprehension() {
    if (!this.is("for")) return false;
    while (this.skip("for")) {
      do this.binary(5);
      while (this.skip(","));
      this.need("in");
      this.either();
      while (this.skip("if")) this.either();
    }
    return true;
  }
}

/* What can stand on the left of "=". */
function checkTarget(node) {
  const fits =
    node.type === "name" || node.type === "attribute" || (node.type === "other" && node.target);
  if (fits) return;
  if (node.type !== "tuple" && node.type !== "list") throw new SyntaxRefused("target");
  node.items.forEach(checkTarget);
}
