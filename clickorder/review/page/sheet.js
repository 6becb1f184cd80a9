// One picture while it is edited: its boxes, what was undone, and what is not saved yet.

const MERGE_MS = 800;

export class Sheet {
  constructor(sent) {
    this.name = sent.name;
    this.past = [];
    this.future = [];
    this.touched = false;
    this.unlocked = false;
    this.take(sent);
  }

  /** Show what is on disk; what was not saved is gone. */
  take(sent) {
    this.width = sent.width;
    this.height = sent.height;
    this.picture = sent.picture;
    this.doubts = sent.doubts;
    this.version = sent.version;
    this.boxes = sent.boxes.map((one) => {
      const [x1, y1, x2, y2] = one.box;
      return { id: fresh(), x1, y1, x2, y2, label: one.label, order: one.order, confidence: one.confidence };
    });
    this.revision = 0;
    this.saved = 0;
  }

  get dirty() { return this.revision !== this.saved; }

  get locked() { return this.doubts.length > 0 && !this.unlocked; }

  box(id) { return this.boxes.find((box) => box.id === id); }

  /** Boxes in the order of clicks. */
  get ordered() {
    return this.boxes.filter((box) => box.order !== null).sort((a, b) => a.order - b.order);
  }

  /** Change the boxes by `edit()`; the same `merge` soon after is one step of undo. */
  change(edit, merge = null) {
    const now = performance.now();
    const joined = merge !== null && merge === this.merge && now - this.mergedAt < MERGE_MS;
    const before = this.snapshot();
    edit();
    this.ordered.forEach((box, place) => { box.order = place; });
    if (this.snapshot() === before) return false;
    if (!joined) this.past.push(before);
    this.future = [];
    this.merge = merge;
    this.mergedAt = now;
    this.changed();
    return true;
  }

  undo() { return this.step(this.past, this.future); }

  redo() { return this.step(this.future, this.past); }

  step(from, to) {
    if (!from.length) return false;
    to.push(this.snapshot());
    this.boxes = JSON.parse(from.pop());
    this.merge = null;
    this.changed();
    return true;
  }

  changed() {
    this.revision += 1;
    this.touched = true;
  }

  snapshot() { return JSON.stringify(this.boxes); }

  /** What a save sends. */
  body() {
    return {
      boxes: this.boxes.map(({ x1, y1, x2, y2, label, order }) => ({ box: [x1, y1, x2, y2], label, order })),
      version: this.version,
      replace_doubtful: this.unlocked,
    };
  }

  add(x1, y1, x2, y2, label) {
    const box = { id: fresh(), x1, y1, x2, y2, label, order: null, confidence: null };
    this.change(() => this.boxes.push(box), `new ${box.id}`);
    return box.id;
  }

  remove(id) { return this.change(() => { this.boxes = this.boxes.filter((box) => box.id !== id); }); }

  /** Name a box; right after it was drawn, drawing and naming are one step of undo. */
  rename(id, label, isNew = false) {
    if (isNew) this.mergedAt = performance.now();
    return this.change(() => { this.box(id).label = label; }, isNew ? `new ${id}` : null);
  }

  /** Put the corners of a box anywhere, in whole pixels and inside of the picture. */
  place(id, corners, merge = null) {
    const [x1, y1, x2, y2] = inside(corners, this.width, this.height);
    return this.change(() => Object.assign(this.box(id), { x1, y1, x2, y2 }), merge);
  }

  /** Give a box the next number, or take its own back. */
  number(id) {
    const box = this.box(id);
    const next = this.ordered.length;
    return this.change(() => { box.order = box.order === null ? next : null; });
  }

  unnumberLast() {
    const last = this.ordered.at(-1);
    return last !== undefined && this.number(last.id);
  }

  /** The smallest box at a point: a box in a box can be reached. */
  at(x, y) {
    return this.boxes
      .filter((box) => x >= box.x1 && x < box.x2 && y >= box.y1 && y < box.y2)
      .sort((a, b) => area(a) - area(b))[0];
  }
}

/** Corners in any order as x1, y1, x2, y2 in whole pixels, at least one pixel in the picture. */
export function inside([ax, ay, bx, by], width, height) {
  const [x1, x2] = side(ax, bx, width);
  const [y1, y2] = side(ay, by, height);
  return [x1, y1, x2, y2];
}

/** A box moved as far as the picture goes, keeping its size. */
export function moved(box, dx, dy, width, height) {
  const x = clip(Math.round(dx), -box.x1, width - box.x2);
  const y = clip(Math.round(dy), -box.y1, height - box.y2);
  return [box.x1 + x, box.y1 + y, box.x2 + x, box.y2 + y];
}

function side(a, b, length) {
  const low = clip(Math.round(Math.min(a, b)), 0, length - 1);
  return [low, clip(Math.round(Math.max(a, b)), low + 1, length)];
}

function clip(value, low, high) { return Math.max(low, Math.min(high, value)); }

function area(box) { return (box.x2 - box.x1) * (box.y2 - box.y1); }

let ids = 0;
function fresh() { ids += 1; return ids; }
