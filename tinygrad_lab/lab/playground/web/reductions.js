/* Sums, means, extremes, norms, and the softmax along a dimension. */

function sum(x, { dim = null, keepdim = false }) {
  const { kept, made } = reduction(x, dim, keepdim);
  return {
    y: reshaped(summed(x, kept), made),
    backward: (dy) => [broadcast(reshaped(dy, kept), x.shape)],
  };
}

function mean(x, { dim = null, keepdim = false }) {
  const { kept, made } = reduction(x, dim, keepdim),
    count = x.data.length / sizeOf(kept);
  const y = map(reshaped(summed(x, kept), made), (total) => total / count);
  return {
    y,
    backward: (dy) => [
      broadcast(
        map(reshaped(dy, kept), (d) => d / count),
        x.shape,
      ),
    ],
  };
}

/* The largest or smallest along a dimension; equals share the gradient evenly, and so do
   several NaN. */
const extremeOf =
  (choose, least) =>
  (x, { dim = null, keepdim = false }) => {
    const { kept, made } = reduction(x, dim, keepdim),
      places = sources(kept, x.shape),
      y = filled(kept, least);
    x.data.forEach((value, k) => {
      y.data[places[k]] = choose(y.data[places[k]], value);
    });
    const backward = (dy) => {
      const equal = map(x, (value, k) => Number(Object.is(value + 0, y.data[places[k]] + 0)));
      const share = combine(reshaped(dy, kept), summed(equal, kept), (d, count) => d / count);
      return [map(equal, (is, k) => (is ? share.data[places[k]] : 0))];
    };
    return { y: reshaped(y, made), backward };
  };

function norm(x, { p = 2, dim = null, keepdim = false }) {
  if (p !== 2)
    throw new ShapeError(
      `norm: p must be 2 (the Euclidean norm is the only one here), got ${floatText(p)}`,
    );
  const { kept, made } = reduction(x, dim, keepdim);
  const y = map(
    summed(
      map(x, (value) => value * value),
      kept,
    ),
    Math.sqrt,
  );
  const backward = (dy) => {
    const share = combine(x, y, (value, length) => (length === 0 ? 0 : value / length));
    return [times(share, reshaped(dy, kept))];
  };
  return { y: reshaped(y, made), backward };
}

/* x minus its largest along a dimension, so that no exponential overflows. */
function shifted(x, dim) {
  const { kept } = reduction(x, dim, true),
    places = sources(kept, x.shape),
    largest = filled(kept, -Infinity);
  x.data.forEach((value, k) => {
    largest.data[places[k]] = Math.max(largest.data[places[k]], value);
  });
  return { kept, x: combine(x, largest, (value, most) => value - most) };
}

function softmax(x, { dim = -1 }) {
  const { kept, x: down } = shifted(x, dim),
    exponentials = map(down, Math.exp);
  const y = reshaped(
    combine(exponentials, summed(exponentials, kept), (e, total) => e / total),
    x.shape,
  );
  const backward = (dy) => {
    const total = summed(times(dy, y), kept);
    return [
      times(
        combine(dy, total, (d, all) => d - all),
        y,
      ),
    ];
  };
  return { y, backward };
}

function logSoftmax(x, { dim = -1 }) {
  const { kept, x: down } = shifted(x, dim);
  const y = combine(
    down,
    summed(map(down, Math.exp), kept),
    (value, total) => value - Math.log(total),
  );
  const backward = (dy) => {
    const total = summed(dy, kept);
    return [combine(dy, times(map(y, Math.exp), total), (d, p) => d - p)];
  };
  return { y, backward };
}
