// The page: a picture and a prompt in, numbered clicks out.

import { hideProblem, showAnswer, showRefusal, showVerdict, tell } from "./answer.js";
import { linesOf } from "./lines.js";
import { drop, load, NotAPicture, renamed } from "./pictures.js";
import { CORNERS, missing, parts, showPrompt } from "./prompt.js";
import { fetchSample, SAMPLES } from "./samples.js";
import { address, Refusal, solve } from "./service.js";
import { drawRegions, showStage } from "./stage.js";
import { $, keepKey, keptKey, make, say, state } from "./state.js";
import { rememberLanguage } from "./language.js";

let running = null; // the controller of the request under way
let chosenSample = null;

/** The puzzle on the page is another now: what was said about the last one no longer holds. */
function changed() {
  running?.abort();
  state.answer = null;
  hideProblem();
  showVerdict("waiting");
  show();
}

function show() {
  showPrompt(changed);
  showStage();
  showAnswer();
  showLines();
  showKey();
}

function showLines() {
  const isAnswer = state.tongue === "answer";
  const ready = isAnswer ? Boolean(state.answer) : missing() === null;
  $("copy").disabled = !ready;
  $("files").hidden = !ready || isAnswer;
  $("lines").classList.toggle("nothing", !ready);
  if (!ready) {
    $("lines").textContent = say(isAnswer ? "noAnswer" : "noLines");
  } else if (isAnswer) {
    $("lines").textContent = `${JSON.stringify(state.answer, null, 1)}\n`;
  } else {
    const sent = parts();
    const withKey = state.keyWanted || keptKey() !== "";
    $("lines").textContent = linesOf(state.tongue, address(), sent, withKey);
    const links = sent.filter(({ picture }) => picture).map(({ picture }) => {
      const link = make("a", "", picture.name);
      link.href = picture.url;
      link.download = picture.name;
      return link;
    });
    $("files").replaceChildren(
      say("needsFiles"), ...links.flatMap((link) => [" ", link]),
      withKey ? ` ${say("keyFrom")}` : "",
    );
  }
}

function showKey() {
  const kept = keptKey();
  $("key-panel").hidden = !state.keyWanted && !kept;
  $("forget").hidden = !kept;
}

function speak() {
  document.documentElement.lang = state.language === "zh" ? "zh-CN" : "en";
  for (const element of document.querySelectorAll("[data-word]")) {
    element.textContent = say(element.dataset.word);
  }
  for (const element of document.querySelectorAll("[data-label]")) {
    element.setAttribute("aria-label", say(element.dataset.label));
  }
  $("language").textContent = say("other");
  $("samples").replaceChildren(make("span", "faint", say("trySample")), ...SAMPLES.map((sample) => {
    const button = make("button", "small", say(sample.title));
    button.type = "button";
    button.dataset.sample = sample.kind;
    button.addEventListener("click", () => trySample(sample));
    return button;
  }));
  show();
}

// The puzzle.

async function attempt(work) {
  try {
    await work();
  } catch (error) {
    if (error.name === "AbortError") return;
    if (error instanceof NotAPicture) tell(say("incomplete"), say("notAPicture", error.file));
    else if (error instanceof Refusal) showRefusal(error);
    else tell(say("lostTitle"), say("lost"));
  }
}

async function takeBackground(file) {
  const picture = await load(file);
  drop(state.background);
  state.background = picture;
  for (const [id, side] of [["x1", "width"], ["y1", "height"], ["x2", "width"], ["y2", "height"]]) {
    $(id).max = picture[side];
  }
  changed();
}

async function takePrompt(files) {
  const pictures = await Promise.all(files.map(load));
  if (state.kind === "words" || state.kind === "region") {
    state.kind = pictures.length > 1 ? "icons" : "image";
  }
  if (state.kind === "icons") {
    state.icons.push(...pictures);
  } else {
    drop(state.image);
    state.image = pictures[0];
  }
  changed();
}

async function trySample(sample) {
  chosenSample = sample;
  await attempt(async () => {
    const wanted = [sample.background, ...(sample.icons ?? []), sample.image].filter(Boolean);
    const files = await Promise.all(wanted.map(fetchSample));
    const [background, ...prompt] = await Promise.all(files.map(load));
    if (chosenSample !== sample) return; // another one has been chosen meanwhile
    for (const old of [state.background, state.image, ...state.icons]) drop(old);
    state.background = background;
    state.kind = sample.kind;
    state.icons = sample.icons ? prompt : [];
    state.image = sample.image ? prompt[0] : null;
    $("words").value = sample.words ?? "";
    CORNERS.forEach((id, side) => { $(id).value = sample.region?.[side] ?? ""; });
    changed();
    await send();
  });
}

async function send() {
  const lack = missing();
  if (lack) {
    const [word, field] = lack;
    changed();
    tell(say("incomplete"), say(word));
    $(field).focus();
    return;
  }
  changed();
  running = new AbortController();
  const mine = running;
  showVerdict("solving");
  $("solve").setAttribute("aria-busy", "true");
  try {
    const { answer, roundTrip } = await solve(parts(), mine.signal);
    mine.signal.throwIfAborted();
    state.answer = answer;
    state.roundTrip = roundTrip;
    show();
    $("stage").scrollIntoView({ block: "nearest" }); // a phone shows the form or the picture
  } catch (error) {
    if (error.status === 401) {
      keepKey(""); // it is not the right one
      state.keyWanted = true;
      show();
    }
    if (!mine.signal.aborted) throw error;
  } finally {
    if (running === mine) {
      running = null;
      $("solve").removeAttribute("aria-busy");
    }
  }
}

$("form").addEventListener("submit", (event) => {
  event.preventDefault();
  const key = $("key").value.trim();
  if (key) {
    keepKey(key);
    $("key").value = "";
  }
  attempt(send).then(() => {
    if (!$("key-panel").hidden && !keptKey()) $("key").focus();
  });
});

$("forget").addEventListener("click", () => {
  keepKey("");
  state.keyWanted = true;
  changed();
  $("key").focus();
});

// Fields.

$("kinds").addEventListener("change", (event) => {
  state.kind = event.target.value;
  changed();
});
for (const id of ["words", "confidence", "model", "site", "type", ...CORNERS]) {
  $(id).addEventListener("input", changed);
}
for (const [id, take] of [
  ["background-file", ([file]) => takeBackground(file)],
  ["icon-files", takePrompt],
  ["image-file", takePrompt],
]) {
  $(id).addEventListener("change", async (event) => {
    const files = [...event.target.files];
    event.target.value = ""; // so that the same file can be chosen again
    if (files.length) await attempt(() => take(files));
  });
}

// Drop and paste.

for (const [zone, take] of [
  [$("stage"), ([file]) => takeBackground(file)],
  [$("prompt-zone"), takePrompt],
]) {
  zone.addEventListener("dragover", (event) => {
    event.preventDefault();
    zone.classList.add("over");
  });
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const files = [...event.dataTransfer.files];
    if (files.length) attempt(() => take(files));
  });
}
// A picture dropped beside a zone must not replace the page.
for (const kind of ["dragover", "drop"]) {
  document.addEventListener(kind, (event) => event.preventDefault());
}

document.addEventListener("paste", (event) => {
  const files = [...(event.clipboardData?.files ?? [])];
  if (!files.length) return; // text goes where the cursor is
  event.preventDefault();
  const isPrompt = event.target.closest?.(".prompt") && state.background;
  const place = isPrompt ? `pasted-${state.icons.length + 1}` : "pasted";
  const named = files.map((file) => (file.name === "image.png" ? renamed(file, place) : file));
  attempt(() => (isPrompt ? takePrompt(named) : takeBackground(named[0])));
});

drawRegions(changed);

// The rest.

$("all-boxes").addEventListener("click", () => {
  state.allBoxes = !state.allBoxes;
  showStage();
});
$("language").addEventListener("click", () => {
  state.language = state.language === "en" ? "zh" : "en";
  rememberLanguage(state.language);
  hideProblem();
  if (!state.answer) showVerdict("waiting");
  speak();
});
for (const radio of document.querySelectorAll("[name=tongue]")) {
  radio.addEventListener("change", () => {
    state.tongue = radio.value;
    showLines();
  });
}
$("copy").addEventListener("click", async () => {
  try {
    await navigator.clipboard.writeText($("lines").textContent);
    $("copy").textContent = say("copied");
    setTimeout(() => { $("copy").textContent = say("copy"); }, 1500);
  } catch {
    // Without TLS only this machine's own addresses may: leave it selected instead.
    getSelection().selectAllChildren($("lines"));
  }
});

speak();
