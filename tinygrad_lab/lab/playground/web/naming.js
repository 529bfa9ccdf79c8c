/* Rules in the student's own names.  A rule comes in Python's notation with the operation's parameter names,
   "dx = dz * y; dy = dz * x"; here x, y, z and their gradients become the values of a step, or their numbers. */

const SIMPLE = /^[\p{ID_Start}_][\p{ID_Continue}]*$/u;
const DEFAULTS = { dim: "dim", beta: 1, threshold: 20, negative_slope: 0.01 };
const SIGNS = { "*": [" · ", 10], "/": [" / ", 10], "//": [" / ", 10], "@": [" @ ", 10], "+": [" + ", 9], "-": [" − ", 9], "**": ["^", 12] };
const RAISED = { 2: "²", 3: "³" };
const ATOM = 20;
const MEANINGS = {
  expand: "expand repeats a gradient along what was added up", onehot: "onehot is 1 at the class and 0 elsewhere",
  count: "count is how many numbers there are", normal_cdf: "normal_cdf is the normal distribution's share below",
  normal_pdf: "normal_pdf is its density", sign: "sign is 1, 0 or −1", where: "where(c, a, b) is a where c holds, else b",
  spread: "spread repeats a gradient along what was reduced", sum_like: "sum_like adds up to the shape of its second",
};

const bracketed = (name) => SIMPLE.test(name) ? name : `(${name})`;
const gradientName = (name) => `∂${bracketed(name)}`;

/* The equations of a rule: what each defines, and its tree. */
function equationsOf(rule) {
  return rule.split(/[;\n]/).filter((line) => line.trim()).map((line) => {
    const [left, right] = [line.slice(0, line.indexOf("=")).trim(), line.slice(line.indexOf("=") + 1)];
    return { left, tree: new Parser(strip(right)).statements()[0].value };
  });
}

class Rule {
  constructor(text, step) {
    this.step = step;
    this.equations = equationsOf(text);
    this.local = new Set(this.equations.map(({ left }) => left));
    this.result = step.called.parameters.includes("y") ? "z" : "y";
  }

  /* For one contribution: lines of [left, with names, with numbers]; its definitions come before it. */
  lines(parameter) {
    const own = this.equations.find(({ left }) => left === `d${parameter}`);
    if (!own) return [];
    const before = this.equations.filter(({ left, tree }) => this.defined(left) && mentions(own.tree, left) && tree);
    return [...before, own].map(({ left, tree }) => {
      const name = left === `d${parameter}` ? this.bound(left).text : left;
      const names = this.written(tree, false)[0];
      return [name, names, this.fits(tree) ? this.written(tree, true)[0] : names];
    });
  }

  /* Words that need an explanation. */
  meanings(parameter) {
    const trees = this.equations.filter(({ left }) => left === `d${parameter}` || this.defined(left)).map(({ tree }) => tree);
    return Object.keys(MEANINGS).filter((word) => trees.some((tree) => mentions(tree, word))).map((word) => MEANINGS[word]);
  }

  /* Whether all numbers that a tree speaks of find room in a line. */
  fits(tree) {
    const names = ["x", "y", "z", ...this.step.called.parameters].flatMap((name) => [name, `d${name}`]);
    return names.every((name) => !mentions(tree, name) || !this.bound(name) || fitsLine(this.bound(name).array));
  }

  defined(left) { return !left.startsWith("d") || !this.bound(left); }

  /* What a name in the rule stands for: {text, array}. */
  bound(name) {
    const given = this.step.inputs.find((each) => each.parameter === name);
    if (given) return valueOf(given.value);
    if (name === this.result) return valueOf(this.step.output);
    if (name === `d${this.result}`) return { text: gradientName(this.step.output.name), array: this.step.output.gradient };
    const of = name.startsWith("d") && this.step.inputs.find((each) => each.parameter === name.slice(1));
    if (of) return { text: gradientName(valueOf(of.value).text), array: of.value.gradient };
    if (name === "count") return { text: name, array: scalar(this.count()) };
    if (name in this.step.settings) return { text: name, array: scalar(Number(this.step.settings[name])) };
    return name in DEFAULTS && typeof DEFAULTS[name] === "number" ? { text: name, array: scalar(DEFAULTS[name]) } : null;
  }

  count() {
    const { value } = this.step.inputs[this.step.inputs.length - 1];
    return value.array.data.length / this.step.output.array.data.length;
  }

  /* [text, how tightly it holds together] of a tree. */
  written(node, numbers) {
    switch (node.type) {
      case "name": return this.name(node.name, numbers);
      case "number": return [digits(node.value), ATOM];
      case "unary": return [`−${this.inside(node.operand, 10, numbers)}`, 9];
      case "binary": return this.binary(node, numbers);
      case "compare": return [`[${this.written(node.left, numbers)[0]} ${{ "==": "=", ">=": "≥", "<=": "≤" }[node.sign] || node.sign} ${this.written(node.right, numbers)[0]}]`, ATOM];
      case "attribute": return [`${this.inside(node.value, ATOM, numbers)}ᵀ`, ATOM];
      case "call": return [`${node.called.name}(${node.args.map((each) => this.written(each, numbers)[0]).join(", ")})`, ATOM];
      default: throw new SyntaxRefused("a rule");
    }
  }

  name(name, numbers) {
    const bound = this.local.has(name) && !name.startsWith("d") ? null : this.bound(name);
    if (!bound) return [name, ATOM];
    if (!numbers || !bound.array) return [bound.text, /^(∂|[\d.]+$)/.test(bound.text) || SIMPLE.test(bound.text) ? ATOM : 0];
    const text = brief(bound.array);
    return [text, text.startsWith("−") || text.includes("e") ? 9 : ATOM];
  }

  binary(node, numbers) {
    const [sign, holds] = SIGNS[node.sign];
    const left = this.inside(node.left, node.sign === "**" ? ATOM : holds, numbers);
    if (node.sign === "**" && node.right.type === "number" && RAISED[node.right.value]) return [left + RAISED[node.right.value], 12];
    const right = this.inside(node.right, node.sign === "**" ? ATOM : node.sign === "*" ? holds : holds + 1, numbers, node.sign === "*");
    return [left + sign + right, holds];
  }

  /* A part of something else, in brackets where it must be; a negative number after a dot needs none. */
  inside(node, holds, numbers, lenient = false) {
    const [text, own] = this.written(node, numbers);
    return own >= holds || (lenient && /^−[\d.]+$/.test(text)) ? text : `(${text})`;
  }
}

function valueOf(value) {
  return value instanceof Value ? { text: value.name, array: value.array } : { text: digits(value), array: scalar(value) };
}

function mentions(node, name) {
  if (!node || typeof node !== "object") return false;
  if (node.type === "name" && node.name === name) return true;
  return Object.values(node).flat().some((part) => mentions(part, name));
}
