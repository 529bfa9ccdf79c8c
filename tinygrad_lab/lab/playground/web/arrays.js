/* Arrays of any number of dimensions: a shape, and float64 numbers in the order of rows. */

class ShapeError extends Error {}

const sizeOf = (shape) => shape.reduce((size, length) => size * length, 1);
const array = (shape, data) => ({ shape, data });
const scalar = (number) => array([], Float64Array.of(number));
const filled = (shape, number) => array(shape, new Float64Array(sizeOf(shape)).fill(number));
const map = (x, f) => array(x.shape, x.data.map(f));
const reshaped = (x, shape) => array(shape, x.data);
const sameShape = (a, b) => a.length === b.length && a.every((length, axis) => length === b[axis]);

function together(...shapes) {
  const rank = Math.max(...shapes.map((shape) => shape.length)),
    result = new Array(rank).fill(1);
  for (const shape of shapes) {
    shape.forEach((length, axis) => {
      const place = rank - shape.length + axis;
      if (length !== 1 && result[place] !== 1 && length !== result[place]) {
        const all = shapes
          .map((each) => `(${each.join(",")}${each.length === 1 ? "," : ""})`)
          .join(" ");
        throw new ShapeError(`operands could not be broadcast together with shapes ${all}`);
      }
      if (length !== 1) result[place] = length;
    });
  }
  return result;
}

/* For each place of `shape` the place in an array of shape `from` that is broadcast to it. */
function sources(from, shape) {
  const lead = shape.length - from.length,
    steps = new Array(shape.length).fill(0);
  for (let axis = from.length - 1, step = 1; axis >= 0; step *= from[axis], axis -= 1) {
    steps[lead + axis] = from[axis] === 1 ? 0 : step;
  }
  const found = new Int32Array(sizeOf(shape)),
    index = new Array(shape.length).fill(0);
  for (let place = 0, source = 0; place < found.length; place += 1) {
    found[place] = source;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      index[axis] += 1;
      source += steps[axis];
      if (index[axis] < shape[axis]) break;
      source -= steps[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return found;
}

function broadcast(x, shape) {
  if (sameShape(x.shape, shape)) return x;
  const places = sources(x.shape, shape);
  return array(
    shape,
    Float64Array.from(places, (place) => x.data[place]),
  );
}

function combine(x, y, f) {
  const shape = together(x.shape, y.shape),
    a = broadcast(x, shape).data,
    b = broadcast(y, shape).data;
  return array(
    shape,
    a.map((value, place) => f(value, b[place])),
  );
}

const add = (x, y) => combine(x, y, (a, b) => a + b);
const times = (x, y) => combine(x, y, (a, b) => a * b);

/* The gradient of what was broadcast: every copy has contributed. */
function unbroadcast(gradient, shape) {
  if (sameShape(gradient.shape, shape)) return gradient;
  const places = sources(shape, gradient.shape),
    total = filled(shape, 0);
  gradient.data.forEach((value, place) => {
    total.data[places[place]] += value;
  });
  return total;
}

/* ---- along dimensions ---- */

function axisOf(dim, rank) {
  if (dim < -rank || dim >= rank)
    throw new ShapeError(`axis ${dim} is out of bounds for array of dimension ${rank}`);
  return dim < 0 ? dim + rank : dim;
}

/* Of a reduction over `dim` (null for all): the shape with ones in the reduced places, and the
   shape that comes out. */
function reduction(x, dim, keepdim) {
  const axis = dim === null ? null : axisOf(dim, x.shape.length || 1);
  const reduced = (place) => axis === null || place === axis;
  const kept = x.shape.map((length, place) => (reduced(place) ? 1 : length));
  return { kept, made: keepdim ? kept : x.shape.filter((_, place) => !reduced(place)) };
}

function summed(x, kept) {
  return unbroadcast(x, kept);
}

/* ---- matrices ---- */

function swapped(x) {
  const rank = x.shape.length,
    [rows, columns] = x.shape.slice(-2),
    data = new Float64Array(x.data.length);
  for (let block = 0; block < data.length; block += rows * columns) {
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        data[block + column * rows + row] = x.data[block + row * columns + column];
      }
    }
  }
  return array([...x.shape.slice(0, rank - 2), columns, rows], data);
}

/* (*n, i, j) @ (*n, j, k), the dimensions before the last two broadcast. */
function product(x, y) {
  const [rows, inner] = x.shape.slice(-2),
    columns = y.shape[y.shape.length - 1];
  const lead = together(x.shape.slice(0, -2), y.shape.slice(0, -2)),
    count = sizeOf(lead);
  const a = broadcast(x, [...lead, rows, inner]).data,
    b = broadcast(y, [...lead, inner, columns]).data;
  const made = filled([...lead, rows, columns], 0);
  for (let block = 0; block < count; block += 1) {
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        let total = 0;
        for (let k = 0; k < inner; k += 1) {
          total += a[(block * rows + row) * inner + k] * b[(block * inner + k) * columns + column];
        }
        made.data[(block * rows + row) * columns + column] = total;
      }
    }
  }
  return made;
}
