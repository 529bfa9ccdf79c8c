/* Rules in the student's own names, and with the numbers of a step. */

const SIMPLE = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;
const SIGNS = {
  "*": [" · ", 10],
  "/": [" / ", 10],
  "//": [" / ", 10],
  "@": [" @ ", 10],
  "+": [" + ", 9],
  "-": [" − ", 9],
  "**": ["^", 12],
};
const COMPARISONS = { "==": "=", "!=": "≠", "<=": "≤", ">=": "≥", "<": "<", ">": ">" };
const RAISED = { 2: "²", 3: "³" };
const ATOM = 20; // what needs no brackets anywhere
const FIRST_ONLY = new Set(["spread", "sum_like", "onehot"]); // their other arguments say how long
const MEANINGS = {
  spread: "spread repeats a gradient along what was reduced",
  sum_like: "sum_like adds up what comes to copies of one number",
  onehot: "onehot is 1 at the class and 0 elsewhere",
  over: "over(a, b) is a / b, and 0 where b is 0",
  outer: "outer multiplies each number with each",
  rows: "rows makes one matrix of all dimensions before the last",
  erf: "erf is the error function",
  sign: "sign is 1, 0 or −1",
};

const bracketed = (name) => (SIMPLE.test(name) ? name : `(${name})`);
const gradientName = (name) => `∂${bracketed(name)}`;

function valueOf(value) {
  return value instanceof Value
    ? { text: value.name, array: value.array }
    : { text: digits(value), array: scalar(value) };
}

class Written {
  constructor(rule) {
    this.rule = rule;
  }

  /* For one contribution: lines of [left, with names, with numbers where they find room]. */
  lines(parameter) {
    return this.rule.of(parameter).map(({ left, tree }) => {
      const names = this.text(tree, false)[0],
        bound = this.rule.bound(left);
      const numbers = this.fits(tree) ? this.text(tree, true)[0] : names;
      return [bound ? bound.text : this.rule.own(left), names, numbers];
    });
  }

  /* Words that need an explanation. */
  meanings(parameter) {
    const trees = this.rule.of(parameter).map(({ tree }) => tree);
    return Object.keys(MEANINGS)
      .filter((word) => trees.some((tree) => this.speaks(tree, word)))
      .map((word) => MEANINGS[word]);
  }

  /* Whether a word stands in a tree as it is written: of a choice, in what holds. */
  speaks(node, word) {
    if (node.type === "choice")
      return this.speaks(this.rule.worth(node.test) ? node.body : node.other, word);
    return node.name === word || partsOf(node).some((part) => this.speaks(part, word));
  }

  /* Whether all numbers that a tree speaks of find room in a line. */
  fits(node) {
    const bound = node.type === "name" ? this.rule.bound(node.name) : null;
    return bound ? fitsLine(bound.array) : partsOf(node).every((part) => this.fits(part));
  }

  /* [text, how tightly it holds together] of a tree. */
  text(node, numbers) {
    switch (node.type) {
      case "name":
        return this.name(node.name, numbers);
      case "number":
        return [digits(node.value), ATOM];
      case "unary":
        return [`−${this.inside(node.operand, 10, numbers)}`, 9];
      case "binary":
        return this.binary(node, numbers);
      case "compare":
        return [
          `[${this.text(node.left, numbers)[0]} ${COMPARISONS[node.sign]} ${this.text(node.right, numbers)[0]}]`,
          ATOM,
        ];
      case "transposed":
        return [`${this.inside(node.value, ATOM, numbers)}ᵀ`, ATOM];
      case "indexed":
        return this.text(node.value, numbers); // indices of a rule here only line up dimensions
      case "choice":
        return this.text(this.rule.worth(node.test) ? node.body : node.other, numbers);
      case "call":
        return this.call(node, numbers);
      default:
        return [String(node.value), ATOM];
    }
  }

  /* A dimension that is left to be all of them is not written, nor the shape that something
     is spread to. */
  call({ name, args }, numbers) {
    if (name === "transpose") return this.text({ type: "transposed", value: args[0] }, numbers); // there are matrices only
    const given = FIRST_ONLY.has(name)
      ? args.slice(0, 1)
      : args.filter((each) => !this.isNothing(each));
    return [`${name}(${given.map((each) => this.text(each, numbers)[0]).join(", ")})`, ATOM];
  }

  isNothing(node) {
    return (
      node.type === "name" && !this.rule.bound(node.name) && this.rule.settings[node.name] === null
    );
  }

  name(name, numbers) {
    const bound = this.rule.bound(name),
      number = bound ? null : this.rule.worth({ type: "name", name });
    if (!bound && (this.rule.numbers.has(name) || name in this.rule.settings))
      return numberText(name === "pi" ? "π" : digits(number));
    if (!bound)
      return numbers && typeof number === "number" ? numberText(digits(number)) : [this.rule.own(name), ATOM];
    if (numbers) return numberText(brief(bound.array));
    return [
      bound.text,
      /^(∂|[\d.]+$)/.test(bound.text) || SIMPLE.test(bound.text) || isCall(bound.text) ? ATOM : 0,
    ];
  }

  binary(node, numbers) {
    const [sign, holds] = SIGNS[node.sign],
      power = node.sign === "**",
      isOne = (part) => this.rule.ofShapes(part) && this.rule.worth(part) === 1;
    if (node.sign === "*" && isOne(node.left)) return this.text(node.right, numbers);
    if (node.sign === "/" && isOne(node.right)) return this.text(node.left, numbers);
    const left = this.inside(node.left, power ? ATOM : holds, numbers, power ? null : /^−/);
    if (power && node.right.type === "number" && RAISED[node.right.value])
      return [left + RAISED[node.right.value], 12];
    const needs = power ? ATOM : node.sign === "*" ? holds : holds + 1;
    return [
      left + sign + this.inside(node.right, needs, numbers, node.sign === "*" ? /^−[\d.]+$/ : null),
      holds,
    ];
  }

  /* A part of something else, in brackets where it must be; what looks like `lenient` needs
     none. */
  inside(node, holds, numbers, lenient = null) {
    const [text, own] = this.text(node, numbers);
    return own >= holds || (own === 9 && node.type !== "binary" && lenient?.test(text))
      ? text
      : `(${text})`;
  }
}

const numberText = (text) => [text, text.startsWith("−") || text.includes("e") ? 9 : ATOM];

/* Whether a text is one call: f(...), and nothing after it. */
function isCall(text) {
  const opening = /^[\p{ID_Start}_][\p{ID_Continue}]*\(/u.exec(text);
  let depth = 0;
  return (
    Boolean(opening) &&
    Array.from(text.slice(opening[0].length - 1)).findIndex((sign) => {
      depth += sign === "(" ? 1 : sign === ")" ? -1 : 0;
      return depth === 0;
    }) ===
      Array.from(text).length - opening[0].length
  );
}
