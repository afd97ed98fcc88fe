const PATIENCE_MS = 3000; // a busy kernel answers late, a restarted one never
const EVERY_MS = 100; // between windows of the same range

/** Asks Python for windows: one question at a time, and only its own answer counts. */
export class Asking {
  constructor(model, view) {
    this.model = model;
    this.view = view;
    this.id = Math.random().toString(36).slice(2);
    this.number = 0;
    this.asked = null;
    this.repeated = 0;
    this.timer = null;
  }

  send(message) {
    this.model.send({ ...message, view: this.id });
  }

  get busy() {
    return this.asked !== null && performance.now() - this.asked < PATIENCE_MS;
  }

  ask(shown, step) {
    if (this.busy) return;
    this.number += 1;
    this.asked = performance.now();
    const [since, until] = shown;
    this.told = shown;
    this.send({ kind: "window", number: this.number, since, until, step, shown });
    clearTimeout(this.patience);
    this.patience = setTimeout(() => this.view.consider(), PATIENCE_MS + 1);
  }

  /** Whether a message answers the last question to this view. */
  answers(message) {
    const mine = message.view === this.id && message.number === this.number;
    if (!mine || this.asked === null) return false;
    this.asked = null;
    clearTimeout(this.patience);
    return true;
  }

  /** Asks anew for what is shown, soon, as it has changed. */
  again() {
    if (this.timer !== null) return;
    const wait = Math.max(0, this.repeated + EVERY_MS - performance.now());
    this.timer = setTimeout(() => {
      this.timer = null;
      this.repeated = performance.now();
      this.view.refresh();
    }, wait);
  }

  close() {
    clearTimeout(this.timer);
    clearTimeout(this.patience);
    this.send({ kind: "bye" });
  }
}
