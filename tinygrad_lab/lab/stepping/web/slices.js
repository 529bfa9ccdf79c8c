/* A tensor as matrices: its last two dimensions with more than one index lie in the plane, one index of the others is
   seen at a time.  A small matrix stays what it is, one row or one column too. */

const sizeOf = (shape) => shape.reduce((product, size) => product * size, 1);
const long = (shape) => shape.length === 2 && sizeOf(shape) <= 64
  ? [0, 1] : shape.flatMap((size, axis) => size > 1 ? [axis] : []);
const planeOf = (shape) => long(shape).slice(-2);
const leadingOf = (shape) => long(shape).slice(0, -2);

/* A half-precision number from its sixteen bits. */
function half(bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
  if (exponent === 31) return fraction ? NaN : sign * Infinity;
  return sign * (exponent ? (1 + fraction / 1024) * 2 ** (exponent - 15) : fraction * 2 ** -24);
}

/* The numbers of a tensor that are in the page, row by row: all, or the first ones; not finite ones as strings. */
function numbersOf(tensor) {
  if (tensor.values) return tensor.values;
  if (!tensor.decoded) {
    const { halves, exponent } = tensor.picture, bytes = atob(halves);
    tensor.decoded = Array.from({ length: bytes.length / 2 }, (_, place) => {
      const value = half(bytes.charCodeAt(2 * place) + 256 * bytes.charCodeAt(2 * place + 1)) * 2 ** exponent;
      return Number.isFinite(value) ? value : String(value);
    });
  }
  return tensor.decoded;
}

/* Where the element at an index stands, row by row. */
const placeOf = (shape, index) => shape.reduce((place, size, axis) => place * size + index[axis], 0);

const axisName = (axes, axis) => (axes && axes[axis] && axes[axis].name) || `axis ${axis}`;

/* The texts along a dimension, where there are some; those of a sentence are chosen by that sentence's index. */
function labelsAlong(axes, axis, index, size) {
  const known = axes && axes[axis];
  if (!known || !known.labels) return null;
  const by = known.by ? axes.findIndex((other) => other.name === known.by) : -1;
  const labels = !known.by ? known.labels : by < 0 ? null : known.labels[index[by]];
  return labels && labels.length === size ? labels : null;
}

/* "head 1, query 3 'cat'": the dimensions that have more than one index, in words. */
function indexInWords(shape, axes, index, which = long(shape)) {
  return which.map((axis) => {
    const labels = labelsAlong(axes, axis, index, shape[axis]);
    return `${axisName(axes, axis)} ${index[axis]}${labels ? ` “${labels[index[axis]]}”` : ""}`;
  }).join(", ");
}
