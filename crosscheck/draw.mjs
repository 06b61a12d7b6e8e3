// A seeded generator: the same seed draws the same things.

const WORDS = ["amber", "birch", "cedar", "delta", "ember", "fjord", "grove", "haven", "iris", "jade", "kelp", "lotus"];

export class Draw {
  constructor(seed) {
    this.state = seed >>> 0;
    this.words = 0;
  }

  // mulberry32, a fraction from 0 up to 1.
  next() {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n) {
    return Math.floor(this.next() * n);
  }

  chance(probability) {
    return this.next() < probability;
  }

  pick(list) {
    return list[this.below(list.length)];
  }

  // Picks a key by its weight.
  weighed(weights) {
    const entries = Object.entries(weights);
    let at = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) {
      at -= weight;
      if (at < 0) return name;
    }
    return entries.at(-1)[0];
  }

  // A word that is drawn once only, so that where it stands says who wrote it.
  word() {
    this.words += 1;
    return `${this.pick(WORDS)}${this.words}`;
  }
}
