// The noise of samples.py in the browser: the same seed gives the same numbers, one by one.
//
// NumPy makes them in three steps, and so does this file:
//   1. SeedSequence (O'Neill's seed_seq_fe) mixes the seed into 256 bits;
//   2. PCG64 (O'Neill 2014, "PCG: A Family of Simple Fast Space-Efficient Statistically Good Algorithms for Random
//      Number Generation": PCG XSL RR 128/64) makes 64 random bits from its 128-bit state, again and again;
//   3. the ziggurat (Marsaglia and Tsang 2000, "The Ziggurat Method for Generating Random Variables") turns them into
//      normally distributed float32 numbers.

const MASK_32 = 0xffffffffn;
const MASK_64 = (1n << 64n) - 1n;
const MASK_128 = (1n << 128n) - 1n;
const MULTIPLIER = (2549297995355413924n << 64n) | 4865540595714422341n;

// ---- 1. SeedSequence ----

function seedSequence(seed) {
  // Mixes a whole number >= 0 into a pool of four 32-bit numbers, and draws eight from the pool.
  const entropy = [];
  for (let rest = BigInt(seed); rest > 0n || entropy.length === 0; rest >>= 32n) {
    entropy.push(Number(rest & MASK_32));
  }
  let constant = 0x43b0d7e5;
  const hashed = (value) => {
    value = (value ^ constant) >>> 0;
    constant = Math.imul(constant, 0x931e8875) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const mixed = (left, right) => {
    const value = (Math.imul(0xca01f9dd, left) - Math.imul(0x4973f715, right)) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  };
  const pool = [0, 1, 2, 3].map((index) => hashed(entropy[index] ?? 0));
  for (let source = 0; source < 4; source++) {
    for (let target = 0; target < 4; target++) {
      if (source !== target) pool[target] = mixed(pool[target], hashed(pool[source]));
    }
  }
  for (const value of entropy.slice(4)) {
    for (let target = 0; target < 4; target++) pool[target] = mixed(pool[target], hashed(value));
  }
  constant = 0x8b51f9dd;
  return Array.from({ length: 8 }, (_, index) => {
    let value = (pool[index % 4] ^ constant) >>> 0;
    constant = Math.imul(constant, 0x58f38ded) >>> 0;
    value = Math.imul(value, constant) >>> 0;
    return (value ^ (value >>> 16)) >>> 0;
  });
}

// ---- 2. PCG64 ----

class Pcg64 {
  constructor(seed) {
    const words = seedSequence(seed).map(BigInt);
    const [stateHigh, stateLow, streamHigh, streamLow] = [0, 2, 4, 6].map((at) => words[at] | (words[at + 1] << 32n));
    this.increment = ((((streamHigh << 64n) | streamLow) << 1n) | 1n) & MASK_128;
    this.state = 0n;
    this.step();
    this.state = (this.state + ((stateHigh << 64n) | stateLow)) & MASK_128;
    this.step();
    this.waiting = null; // the upper half of the last 64 bits
  }

  step() {
    this.state = (this.state * MULTIPLIER + this.increment) & MASK_128;
  }

  next32() {
    if (this.waiting !== null) {
      const half = this.waiting;
      this.waiting = null;
      return half;
    }
    this.step();
    const turn = this.state >> 122n;
    const folded = ((this.state >> 64n) ^ this.state) & MASK_64;
    const bits = ((folded >> turn) | (folded << ((64n - turn) & 63n))) & MASK_64;
    this.waiting = Number(bits >> 32n);
    return Number(bits & MASK_32);
  }

  nextFloat() {
    return Math.fround((this.next32() >>> 8) * Math.fround(1 / 16777216)); // in [0, 1), 24 bits
  }
}

// ---- 3. The ziggurat ----

const LAYERS = 256;
const LAST_X = 3.6541528853610088; // where the tail begins
const AREA = 0.00492867323399; // of each layer
const TABLES = zigguratTables();

function zigguratTables() {
  // widths: a layer's width for each of 2^23 steps; limits: below which a step surely lies inside the curve;
  // heights: of the curve at a layer's edge.
  const widths = new Float32Array(LAYERS);
  const heights = new Float32Array(LAYERS);
  const limits = new Uint32Array(LAYERS);
  const steps = 2 ** 23;
  const curve = (x) => Math.exp(-0.5 * x * x);
  const widest = AREA / curve(LAST_X);
  limits[0] = Math.floor((LAST_X / widest) * steps);
  limits[1] = 0;
  widths[0] = widest / steps;
  widths[LAYERS - 1] = LAST_X / steps;
  heights[0] = 1;
  heights[LAYERS - 1] = curve(LAST_X);
  for (let layer = LAYERS - 2, x = LAST_X; layer >= 1; layer--) {
    const next = Math.sqrt(-2 * Math.log(AREA / x + curve(x)));
    limits[layer + 1] = Math.floor((next / x) * steps);
    heights[layer] = curve(next);
    widths[layer] = next / steps;
    x = next;
  }
  return { widths, heights, limits };
}

function nextNormal(random) {
  const { widths, heights, limits } = TABLES;
  for (;;) {
    const bits = random.next32();
    const layer = bits & 0xff;
    const size = (bits >>> 9) & 0x7fffff;
    const value = Math.fround((bits >>> 8) & 1 ? -size * widths[layer] : size * widths[layer]);
    if (size < limits[layer]) return value;
    if (layer === 0) {
      for (;;) {
        const beyond = Math.fround(-Math.fround(1 / LAST_X) * Math.fround(Math.log1p(-random.nextFloat())));
        const height = Math.fround(-Math.log1p(-random.nextFloat()));
        if (height + height > beyond * beyond) {
          const far = Math.fround(Math.fround(LAST_X) + beyond);
          return (size >>> 8) & 1 ? -far : far;
        }
      }
    }
    const share = Math.fround((heights[layer - 1] - heights[layer]) * random.nextFloat() + heights[layer]);
    if (share < Math.exp(-0.5 * value * value)) return value;
  }
}

// What samples.py calls noise_batches: `count` vectors of `size` numbers, Float32Array(count * size), row by row.
export function noiseOfSeed(seed, count, size) {
  const random = new Pcg64(seed);
  return Float32Array.from({ length: count * size }, () => nextNormal(random));
}
