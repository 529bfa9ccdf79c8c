/* What expressions can call: operation, values, settings, and how much it makes; as in
   functions.py. */

const MOST = 16; // dimensions of a value

/* ---- settings ---- */
/* {kind: "int" | "float" | "bool" | "other", value, text} -> what the operation takes */

function whole(name, given) {
  if (given.kind !== "int")
    throw new ShapeError(`${name} must be a whole number, got ${given.text}`);
  if (Math.abs(given.value) > MOST)
    throw new ShapeError(`${name} must be one of at most ${MOST} dimensions, got ${given.text}`);
  return given.value;
}

function flag(name, given) {
  if (given.kind !== "bool")
    throw new ShapeError(`${name} must be True or False, got ${given.text}`);
  return given.value;
}

function real(name, given) {
  if (given.kind !== "int" && given.kind !== "float")
    throw new ShapeError(`${name} must be a number, got ${given.text}`);
  return given.value;
}

/* ---- how large a result is ---- */

function productShape(x, y) {
  return [
    ...together(x.slice(0, -2), y.slice(0, -2)),
    ...x.slice(-2, -1),
    ...(y.length > 1 ? y.slice(-1) : []),
  ];
}

const layerShape = (x, weight) => [...x.slice(0, -1), ...weight.slice(0, 1)];

/* ---- the tables ---- */

const USUAL = {
  values: [1, 1],
  settings: {},
  makes: null,
  inPlaceOf: "",
  parameters: ["input"],
  constants: [],
  usual: {},
  source: "",
};

function describe(name, run, more = {}) {
  return { ...USUAL, name, run, ...more };
}

const elementwise = (name, more = {}) => describe(name, ELEMENTWISE[name], more);
const pair = (name) =>
  elementwise(name, { values: [2, 2], makes: together, parameters: ["x", "y"] });
const ALONG = { dim: whole, keepdim: flag };
const IN_X = new Set(["exp", "log", "sqrt", "sin", "cos", "abs", "square"]);
const ALONE = [
  "relu",
  "tanh",
  "sigmoid",
  "gelu",
  "silu",
  "exp",
  "log",
  "sqrt",
  "sin",
  "cos",
  "abs",
  "square",
];

const FUNCTIONS = {
  ...Object.fromEntries(
    ALONE.map((name) => [
      name,
      elementwise(name, { parameters: [IN_X.has(name) ? "x" : "input"] }),
    ]),
  ),
  leaky_relu: elementwise("leaky_relu", { settings: { negative_slope: real } }),
  softplus: elementwise("softplus", { settings: { beta: real, threshold: real } }),
  maximum: pair("maximum"),
  minimum: pair("minimum"),
  sum: describe("sum", sum, { settings: ALONG }),
  mean: describe("mean", mean, { settings: ALONG }),
  max: describe("amax", extremeOf(Math.max, -Infinity), {
    settings: ALONG,
    inPlaceOf:
      "the larger of two values is maximum(x, y), the largest along a dimension max(x, dim=0)",
  }),
  min: describe("amin", extremeOf(Math.min, Infinity), {
    settings: ALONG,
    inPlaceOf:
      "the smaller of two values is minimum(x, y), the smallest along a dimension min(x, dim=0)",
  }),
  norm: describe("norm", norm, { settings: { p: real, ...ALONG } }),
  softmax: describe("softmax", softmax, {
    settings: { dim: whole },
    usual: { dim: -1 },
    source: "source: ",
  }),
  log_softmax: describe("log_softmax", logSoftmax, {
    settings: { dim: whole },
    usual: { dim: -1 },
    source: "source: ",
  }),
  matmul: describe("matmul", matmul, {
    values: [2, 2],
    makes: productShape,
    parameters: ["input", "other"],
  }),
  linear: describe("linear", linear, {
    values: [2, 3],
    makes: layerShape,
    parameters: ["input", "weight", "bias"],
  }),
  mse_loss: describe("mse_loss", mseLoss, {
    values: [2, 2],
    makes: together,
    parameters: ["input", "target"],
  }),
  cross_entropy: describe("cross_entropy", crossEntropy, {
    values: [2, 2],
    parameters: ["input", "target"],
    constants: ["target"],
  }),
};

const OPERATORS = {
  "+": pair("add"),
  "-": pair("subtract"),
  "*": pair("multiply"),
  "/": pair("divide"),
  "**": pair("power"),
  "@": FUNCTIONS.matmul,
};
const NEGATIVE = elementwise("negative", { parameters: ["x"] });
const TRANSPOSED = describe("transpose", transposed, { usual: { dim0: 0, dim1: 1 } });

/* What an array library complains of, with the operation's name and what it was given. */
function toldAgain(message, called, values, settings) {
  if (!/^(operands|axis)/.test(message)) return message;
  const given = values.map(
    (value, place) =>
      `${called.parameters[place]} ${
        value instanceof Value
          ? `a float64 tensor of shape ${shapeText(value.array.shape)}`
          : `${floatText(value)} (float)`
      }`,
  );
  const named = { p: floatText, dim: String, keepdim: (on) => (on ? "True" : "False") };
  const kinds = { p: " (float)", dim: " (int)", keepdim: "" };
  for (const [name, value] of Object.entries(settings))
    given.push(`${name} ${named[name](value)}${kinds[name]}`);
  return `${called.name}: ${message.startsWith("axis") ? called.source : ""}${message} (given ${given.join(", ")})`;
}
