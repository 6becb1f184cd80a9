// The field that names a box: completes what is typed, and lists the known names below.

const SHOWN = 7;

export class NameField {
  /** `known()` gives the names, `accept(name)` and `cancel()` end the naming. */
  constructor({ frame, input, list, known, newName, accept, cancel }) {
    Object.assign(this, { frame, input, list, known, newName, onAccept: accept, onCancel: cancel });
    this.index = -1;
    input.addEventListener("input", (event) => this.typed(event));
    input.addEventListener("compositionend", () => this.refresh());
    input.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("pointerdown", (event) => {
      event.preventDefault();
      const item = event.target.closest("li");
      if (item) this.close(item.dataset.name);
    });
  }

  get open() { return !this.frame.hidden; }

  /** Begin with the present name, all of it selected, so that typing replaces it. */
  begin(name) {
    this.first = name;
    this.frame.hidden = false;
    this.input.value = name;
    this.input.focus({ preventScroll: true });
    this.input.select();
    this.refresh("");
  }

  /** End with what the field says; nothing happens where it is not open. */
  commit() { if (this.open) this.close(this.input.value); }

  close(name) {
    this.leave();
    this.onAccept(name.trim().replace(/\s+/g, " ") || this.first);
  }

  cancel() {
    this.leave();
    this.onCancel();
  }

  leave() {
    this.frame.hidden = true;
    this.input.blur(); // else the next key is still the field's
  }

  typed(event) {
    if (event.isComposing) return; // half a Chinese word is not to be completed
    const text = this.input.value;
    const atEnd = this.input.selectionStart === text.length;
    if (event.inputType === "insertText" && text && atEnd && !this.known().includes(text)) {
      const whole = this.known().find((name) => name.toLowerCase().startsWith(text.toLowerCase()));
      if (whole) {
        this.input.value = text + whole.slice(text.length);
        this.input.setSelectionRange(text.length, whole.length);
      }
    }
    this.refresh(text);
  }

  /** List the names that fit `text`, those that begin with it first. */
  refresh(text = this.input.value) {
    const sought = text.toLowerCase();
    const fits = this.known().filter((name) => name.toLowerCase().includes(sought));
    const begins = (name) => (name.toLowerCase().startsWith(sought) ? 0 : 1);
    const shown = fits.sort((a, b) => begins(a) - begins(b)).slice(0, SHOWN);
    const value = this.input.value.trim();
    this.index = shown.indexOf(value);
    this.list.replaceChildren(...shown.map((name) => item(name, name)));
    if (value && !this.known().includes(value)) {
      const fresh = item(value, this.newName(value));
      fresh.className = "new";
      this.list.append(fresh);
    }
    this.mark();
  }

  key(event) {
    if (event.isComposing || event.keyCode === 229) return; // Enter ends the composition only
    event.stopPropagation();
    switch (event.key) {
      case "Enter":
      case "Tab":
        event.preventDefault();
        this.close(this.input.value);
        break;
      case "Escape":
        event.preventDefault();
        this.cancel();
        break;
      case "ArrowDown":
      case "ArrowUp": {
        event.preventDefault();
        const count = this.list.children.length;
        if (!count) return;
        const step = event.key === "ArrowDown" ? 1 : -1;
        this.index = this.index < 0 && step < 0 ? count - 1 : (this.index + step + count) % count;
        this.input.value = this.list.children[this.index].dataset.name;
        this.mark();
        break;
      }
    }
  }

  mark() {
    [...this.list.children].forEach((one, place) => {
      one.setAttribute("aria-selected", String(place === this.index));
    });
  }
}

function item(name, text) {
  const li = document.createElement("li");
  li.setAttribute("role", "option");
  li.dataset.name = name;
  li.textContent = text;
  return li;
}
