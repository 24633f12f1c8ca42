// Where each row of a very long list lies. Heights are guessed until a row was seen and measured; both answers
// (top of a row, row at a height) take a logarithm of the count, by a Fenwick tree over the heights.

export class Heights {
  constructor(guess) {
    this.guess = guess;
    this.heights = [];
    this.known = [];
    this.tree = new Float64Array(1);
    this.total = 0;
  }

  get count() {
    return this.heights.length;
  }

  // Makes the list `count` rows long; what was measured of the rows that stay is kept.
  resize(count) {
    if (count === this.count) return;
    while (this.heights.length < count) {
      this.heights.push(this.guess);
      this.known.push(false);
    }
    this.heights.length = count;
    this.known.length = count;
    this.rebuild();
  }

  // Forgets all that was measured (the list got another width). The mean of it is the new guess.
  forget() {
    this.guess = this.mean();
    this.heights.fill(this.guess);
    this.known.fill(false);
    this.rebuild();
  }

  // Guesses better, once some rows were measured.
  settle() {
    this.guess = this.mean();
    for (let index = 0; index < this.count; index += 1) if (!this.known[index]) this.heights[index] = this.guess;
    this.rebuild();
  }

  mean() {
    let sum = 0;
    let seen = 0;
    for (let index = 0; index < this.count; index += 1) {
      if (!this.known[index]) continue;
      sum += this.heights[index];
      seen += 1;
    }
    return seen ? sum / seen : this.guess;
  }

  rebuild() {
    const count = this.count;
    this.tree = new Float64Array(count + 1);
    this.total = 0;
    for (let index = 1; index <= count; index += 1) {
      this.tree[index] += this.heights[index - 1];
      this.total += this.heights[index - 1];
      const above = index + (index & -index);
      if (above <= count) this.tree[above] += this.tree[index];
    }
  }

  // Notes a measured height; says whether it differs from what was believed.
  set(index, height) {
    if (index < 0 || index >= this.count) return false;
    const difference = height - this.heights[index];
    this.known[index] = true;
    if (Math.abs(difference) < 0.5) return false;
    this.heights[index] = height;
    this.total += difference;
    for (let at = index + 1; at <= this.count; at += at & -at) this.tree[at] += difference;
    return true;
  }

  // Takes a row's height along when the row moves.
  move(from, to) {
    const [height] = this.heights.splice(from, 1);
    const [known] = this.known.splice(from, 1);
    this.heights.splice(to, 0, height);
    this.known.splice(to, 0, known);
    this.rebuild();
  }

  insert(index) {
    this.heights.splice(index, 0, this.guess);
    this.known.splice(index, 0, false);
    this.rebuild();
  }

  remove(index) {
    this.heights.splice(index, 1);
    this.known.splice(index, 1);
    this.rebuild();
  }

  // The distance of a row's upper edge from the list's, in CSS pixels. top(count) is the list's height.
  top(index) {
    let sum = 0;
    for (let at = Math.min(index, this.count); at > 0; at -= at & -at) sum += this.tree[at];
    return sum;
  }

  // The row that lies at this distance from the list's upper edge; the first or last where that is outside.
  at(distance) {
    let index = 0;
    let left = Math.max(0, distance);
    let step = 1;
    while (step * 2 <= this.count) step *= 2;
    for (; step > 0; step >>= 1) {
      if (index + step <= this.count && this.tree[index + step] <= left) {
        index += step;
        left -= this.tree[index];
      }
    }
    return Math.max(0, Math.min(index, this.count - 1));
  }
}
