// What the service said: the verdict, the clicks, the boxes, the times, or its refusal.

import { pointAt } from "./stage.js";
import { $, has, make, percent, say, state } from "./state.js";

export function showVerdict(word) {
  $("verdict").dataset.state = word;
  $("verdict").textContent = say(word);
}

export function showAnswer() {
  const { answer } = state;
  $("answer").hidden = !answer;
  if (!answer) return;
  const sure = percent(answer.confidence);
  const { clicks } = answer;
  $("verdict").dataset.state = answer.solved ? "solved" : "declined";
  if (answer.solved) {
    const count = clicks.length === 1 ? say("oneClick") : say("manyClicks", clicks.length);
    $("verdict").textContent = say("solved", count, sure);
  } else {
    const least = percent($("confidence").valueAsNumber / 100, 0);
    const known = has(answer.reason);
    const reason = say(known ? answer.reason : "unknownReason", answer.reason, sure, least);
    const guess = clicks.length && answer.reason !== "low_confidence";
    $("verdict").textContent = say("declined", reason)
      + (guess ? ` ${say("bestGuess", "", sure)}` : "");
  }
  $("click-list").replaceChildren(...clicks.map((click, index) => (
    row("clicks", index, meaning(click) ?? say("clickOn", index + 1), click)
  )));
  $("box-count").textContent = say("boxCount", answer.boxes.length);
  $("box-list").replaceChildren(...answer.boxes.map((box, index) => (
    row("boxes", index, say("box", index + 1), box)
  )));
  showTimes();
}

/** The word, and what it was understood as where that is another one. */
function meaning({ label, name }) {
  return name && name !== label ? `${label} (${name})` : label;
}

/** A button, so that the keyboard can point at what lies on the picture. */
function row(kind, index, title, { box, confidence, x, y }) {
  const line = make("li");
  const button = make("button", "pointer");
  button.type = "button";
  const [x1, y1, x2, y2] = box;
  const where = x === undefined ? `${x1}, ${y1} – ${x2}, ${y2}` : say("at", x, y);
  button.append(
    make("span", "title", title), make("span", "where", where),
    bar(confidence), make("span", "share", percent(confidence)),
  );
  for (const event of ["focus", "pointerenter", "click"]) {
    button.addEventListener(event, () => pointAt(kind, index));
  }
  for (const event of ["blur", "pointerleave"]) {
    button.addEventListener(event, () => pointAt(kind, null));
  }
  line.append(button);
  return line;
}

function bar(share) {
  const outer = make("span", "bar");
  const inner = make("i");
  inner.style.width = `${Math.min(100, 100 * share)}%`;
  outer.append(inner);
  return outer;
}

function showTimes() {
  const { total, ...stages } = state.answer.timings_ms;
  const most = Math.max(total, 0.01);
  const rows = Object.entries(stages).map(([name, ms]) => [has(name) ? say(name) : name, ms]);
  rows.push([say("total"), total], [say("roundTrip"), state.roundTrip]);
  $("times").replaceChildren(...rows.flatMap(([name, ms], index) => {
    const value = make("dd");
    if (index < rows.length - 2) value.append(bar(ms / most));
    value.append(make("span", "share", `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`));
    return [make("dt", "", name), value];
  }));
}

/** Where a field of the problem is on the page. */
const FIELDS = {
  words: "words", icons: "icon-files", image: "image-file", region: "x1",
  background: "background-file", options: "confidence", model: "model",
  site: "site", type: "type",
};

export function hideProblem() {
  $("problem").hidden = true;
  for (const field of document.querySelectorAll("[aria-invalid]")) {
    field.removeAttribute("aria-invalid");
  }
}

export function showRefusal({ status, problem, retryAfter }) {
  if (!status) return tell(say("lostTitle"), say("lost"));
  const detail = problem?.detail ?? say("notOurs");
  const again = retryAfter ? ` ${say("again", retryAfter)}` : "";
  tell(say("failed", status), detail + again, problem?.errors, problem?.request_id);
  const named = [...(problem?.errors ?? []).map(({ field }) => field), quoted(detail)];
  for (const name of named) {
    const id = FIELDS[name?.replace(/^prompt\./, "").split(/[.[]/)[0]];
    if (id) $(id).setAttribute("aria-invalid", "true");
  }
  return undefined;
}

export function tell(title, detail, errors = null, id = "") {
  showVerdict("waiting");
  $("problem-title").textContent = title;
  withCode($("problem-detail"), detail);
  const more = (errors ?? []).filter((one) => !detail.startsWith(one.detail.replace(/\.$/, "")));
  $("problem-fields").replaceChildren(...more.map((one) => {
    const line = make("li");
    withCode(line, one.detail);
    return line;
  }));
  $("problem-id").textContent = id ? say("requestId", id) : "";
  $("problem").hidden = false;
}

/** The service's sentences have fields and values in backticks. */
function withCode(element, text) {
  element.replaceChildren(...text.split("`").map((piece, index) => (
    index % 2 ? make("code", "", piece) : document.createTextNode(piece)
  )));
}

const quoted = (text) => /^`([^`]+)`/.exec(text)?.[1];
