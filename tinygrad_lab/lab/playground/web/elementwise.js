/* Operations on each number: what they make, and what each operand's gradient is.
   Gradients have the result's shape; the evaluation sums them over what was broadcast. */

const of = (f, derivative) => (x) => {
  const y = map(x, f);
  return {
    y,
    backward: (dy) => [
      array(
        y.shape,
        dy.data.map((d, k) => derivative(d, x.data[k], y.data[k])),
      ),
    ],
  };
};

const ofTwo = (f, byX, byY) => (x, y) => {
  const z = combine(x, y, f),
    a = broadcast(x, z.shape).data,
    b = broadcast(y, z.shape).data;
  const gradient = (rule) => (dz) =>
    array(
      z.shape,
      dz.data.map((d, k) => rule(d, a[k], b[k], z.data[k])),
    );
  return {
    y: z,
    backward: (dz, wanted) => [byX, byY].map((rule, k) => (wanted[k] ? gradient(rule)(dz) : null)),
  };
};

const signOf = (x) => (x > 0 ? 1 : 0) - (x < 0 ? 1 : 0);
const logistic = (x) => 1 / (1 + Math.exp(-x));

/* The normal distribution's share below x: ½ + φ(x) (x + x³/3 + x⁵/15 + ...) (Marsaglia 2004),
   exact to rounding. */
function normalShare(x) {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) > 9) return x > 0 ? 1 : 0;
  let term = x,
    total = x;
  for (let k = 3; total !== total + (term * x * x) / k; k += 2) {
    term *= (x * x) / k;
    total += term;
  }
  return 0.5 + total * normalDensity(x);
}

const normalDensity = (x) => Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI);

/* xʸ and its two gradients: 0⁰ is 1; that of x⁰ in x and that of 0ʸ (y ≥ 0) in y are 0. */
const power = ofTwo(
  raised,
  (dz, x, y) => dz * (y * raised(x, y === 0 ? 0 : y - 1)),
  (dz, x, y, z) => dz * (z * Math.log(x === 0 && y >= 0 ? 1 : x)),
);

/* As the C library has it: 1 raised to anything, and -1 to infinity, is 1. */
function raised(x, y) {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : x ** y;
}

/* The larger of two, in the order that `sign` gives; a tie shares the gradient in halves; NaN
   stays NaN. */
const extreme = (choose, sign) =>
  ofTwo(
    choose,
    (dz, x, y) => (sign * x < sign * y ? 0 : dz * (x === y ? 0.5 : 1)),
    (dz, x, y) => (sign * y < sign * x ? 0 : dz * (x === y ? 0.5 : 1)),
  );

const ELEMENTWISE = {
  add: ofTwo(
    (x, y) => x + y,
    (dz) => dz,
    (dz) => dz,
  ),
  subtract: ofTwo(
    (x, y) => x - y,
    (dz) => dz,
    (dz) => -dz,
  ),
  multiply: ofTwo(
    (x, y) => x * y,
    (dz, x, y) => dz * y,
    (dz, x) => dz * x,
  ),
  divide: ofTwo(
    (x, y) => x / y,
    (dz, x, y) => dz / y,
    (dz, x, y, z) => (-dz * z) / y,
  ),
  power,
  maximum: extreme(Math.max, 1),
  minimum: extreme(Math.min, -1),
  negative: of(
    (x) => -x,
    (dy) => -dy,
  ),
  relu: of(
    (x) => Math.max(x, 0),
    (dy, x, y) => (y <= 0 ? 0 : dy),
  ),
  tanh: of(Math.tanh, (dy, x, y) => (1 - y * y) * dy),
  sigmoid: of(logistic, (dy, x, y) => y * (1 - y) * dy),
  gelu: of(
    (x) => x * normalShare(x),
    (dy, x) => (normalShare(x) + x * normalDensity(x)) * dy,
  ),
  silu: of(
    (x) => x * logistic(x),
    (dy, x) => logistic(x) * (1 + x * (1 - logistic(x))) * dy,
  ),
  exp: of(Math.exp, (dy, x, y) => dy * y),
  log: of(Math.log, (dy, x) => dy / x),
  sqrt: of(Math.sqrt, (dy, x, y) => dy / (2 * y)),
  sin: of(Math.sin, (dy, x) => dy * Math.cos(x)),
  cos: of(Math.cos, (dy, x) => -dy * Math.sin(x)),
  abs: of(Math.abs, (dy, x) => dy * signOf(x)),
  square: of(
    (x) => x * x,
    (dy, x) => dy * x * 2,
  ),
  leaky_relu: (x, { negative_slope: slope = 0.01 }) =>
    of(
      (value) => (value > 0 ? value : slope * value),
      (dy, value) => (value > 0 ? 1 : slope) * dy,
    )(x),
  softplus: (x, { beta = 1, threshold = 20 }) =>
    of(
      (value) =>
        value * beta > threshold
          ? value
          : (Math.log1p(Math.exp(-Math.abs(value * beta))) + Math.max(value * beta, 0)) / beta,
      (dy, value) => (value * beta > threshold ? 1 : logistic(value * beta)) * dy,
    )(x),
};
