/* A rule for one step: which of its equations hold there, and what they are worth where all is
   single numbers. */

const OF_NUMBERS = {
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  sin: Math.sin,
  cos: Math.cos,
  tanh: Math.tanh,
  sigmoid: logistic,
  sign: signOf,
  erf: (x) => 2 * normalShare(Math.SQRT2 * x) - 1,
  over: (x, y) => (y === 0 ? 0 : x / y),
  max: Math.max,
  sum: (x) => x,
  spread: (x) => x,
  sum_like: (x) => x,
  rows: (x) => x,
  outer: (x, y) => x * y,
  transpose: (x) => x,
  softmax: () => 1,
  onehot: () => 1,
};
const OF_SIGNS = {
  "+": (x, y) => x + y,
  "-": (x, y) => x - y,
  "*": (x, y) => x * y,
  "/": (x, y) => x / y,
  "//": (x, y) => Math.floor(x / y),
  "**": (x, y) => x ** y,
  "==": (x, y) => x === y,
  "!=": (x, y) => x !== y,
  "<": (x, y) => x < y,
  "<=": (x, y) => x <= y,
  ">": (x, y) => x > y,
  ">=": (x, y) => x >= y,
  "@": (x, y) => x * y,
};

class Rule {
  constructor({ rule, usual }, step, taken = new Set()) {
    this.step = step;
    this.taken = taken;
    this.settings = { ...usual, ...step.settings, pi: Math.PI };
    this.result = step.called.parameters.includes("y") ? "z" : "y";
    this.numbers = new Map(); // definitions that are numbers of the shapes
    this.equations = [];
    this.bind(rule);
  }

  bind(statements) {
    for (const { left, tree, test, body, other } of statements) {
      if (test) {
        this.bind(this.worth(test) ? body : other);
        continue;
      }
      const number = this.ofShapes(tree) ? this.worth(tree) : undefined;
      if (number !== undefined && !this.bound(left)) this.numbers.set(left, number);
      else this.equations.push({ left, tree });
    }
  }

  /* The equation of an input's gradient, after the definitions that it speaks of. */
  of(parameter) {
    const own = this.equations.findIndex(({ left }) => left === `d${parameter}`),
      needed = new Set([own]);
    if (own < 0) return [];
    for (let place = own - 1; place >= 0; place -= 1) {
      const { left } = this.equations[place];
      if (
        [...needed].some((later) => mentions(this.equations[later].tree, left)) &&
        !this.bound(left)
      )
        needed.add(place);
    }
    return [...needed].sort((a, b) => a - b).map((place) => this.equations[place]);
  }

  /* What a name stands for among the step's values: {text, array}. */
  bound(name) {
    const { inputs, output } = this.step,
      given = (wanted) => inputs.find(({ parameter }) => parameter === wanted);
    if (given(name)) return valueOf(given(name).value);
    if (name === this.result) return valueOf(output);
    if (name === `d${this.result}`)
      return { text: gradientName(output.name), array: output.gradient };
    const of = name.startsWith("d") && given(name.slice(1));
    return of ? { text: gradientName(valueOf(of.value).text), array: of.value.gradient } : null;
  }

  /* What a definition of the rule's own is called: no name of the formula's. */
  own(name) {
    return this.taken.has(name) ? this.own(`${name}′`) : name;
  }

  /* Whether a tree speaks of shapes and settings only. */
  ofShapes(node) {
    if (
      node.type === "call" &&
      ["size", "ndim", "length", "shape", "is_float", "all"].includes(node.name)
    )
      return true;
    if (node.type === "name")
      return !this.bound(node.name) && (node.name in this.settings || this.numbers.has(node.name));
    return partsOf(node).every((part) => this.ofShapes(part));
  }

  /* A number, true or false, or nothing where there is more than one number. */
  worth(node) {
    const parts =
      node.type === "call" || node.type === "choice"
        ? []
        : partsOf(node).map((part) => this.worth(part));
    switch (node.type) {
      case "number":
      case "constant":
        return node.value;
      case "name":
        return this.worthOfName(node.name);
      case "transposed":
      case "indexed":
        return parts[0];
      case "unary":
        return parts[0] === undefined ? undefined : -parts[0];
      case "binary":
      case "compare":
        return parts.includes(undefined) ? undefined : OF_SIGNS[node.sign](...parts);
      case "logic":
        return node.sign === "and" ? parts.every(Boolean) : parts.some(Boolean);
      case "choice":
        return this.worth(this.worth(node.test) ? node.body : node.other);
      case "call":
        return this.worthOfCall(node);
      default:
        return undefined;
    }
  }

  worthOfName(name) {
    const bound = this.bound(name);
    if (bound)
      return bound.array && bound.array.data.length === 1 ? bound.array.data[0] : undefined;
    if (this.numbers.has(name)) return this.numbers.get(name);
    const defined = this.equations.find(({ left }) => left === name);
    return defined ? this.worth(defined.tree) : this.settings[name];
  }

  worthOfCall({ name, args }) {
    const shape = args[0].type === "name" ? this.bound(args[0].name)?.array.shape : null;
    if (name === "is_float") return false; // a target is class numbers here
    if (name === "all") return true; // and none of them is left out
    if (name === "ndim") return shape.length;
    if (name === "size") return sizeOf(shape);
    if (name === "length") return shape[axisOf(this.worth(args[1]), shape.length)];
    const given = args.map((each) => this.worth(each));
    return given[0] === undefined || !OF_NUMBERS[name]
      ? undefined
      : OF_NUMBERS[name](...given.map(Number));
  }
}

const partsOf = ({ left, right, operand, value, parts, args, body, other }) =>
  [left, right, operand, value, ...(parts || []), ...(args || []), body, other].filter(
    (part) => part && part.type,
  );

const mentions = (node, name) =>
  node.name === name || partsOf(node).some((part) => mentions(part, name));
