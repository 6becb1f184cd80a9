// One puzzle after the other: clicks by mouse, finger or keyboard, and the seconds they took.

const WORDS = {
  en: {
    lead: "Click the items in this order:", undo: "Undo", giveUp: "I cannot solve it",
    done: "Done", keys: "Keyboard: arrow keys move, Enter clicks, Backspace undoes.",
    saved: "Saved; next puzzle.", finished: "That was the last one. Thank you!",
    failed: "This could not be saved; try again.", first: "Click the picture first.",
    left: "puzzles left",
  },
  zh: {
    lead: "请按顺序点击：", undo: "撤销", giveUp: "我解不出", done: "完成",
    keys: "键盘：方向键移动，回车点击，退格撤销。", saved: "已保存，下一题。",
    finished: "全部完成，谢谢！", failed: "保存失败，请重试。", first: "请先点击图片。",
    left: "题剩余",
  },
};
const told = WORDS[navigator.language.startsWith("zh") ? "zh" : "en"];
const element = (id) => document.getElementById(id);
const stage = element("stage");
const picture = element("picture");
const cursor = element("cursor");

const state = { left: [], puzzle: null, clicks: [], began: 0, input: "mouse", at: null };

function draw() {
  const scale = picture.clientWidth / picture.naturalWidth;
  element("marks").replaceChildren(...state.clicks.map(([x, y], index) => {
    const mark = document.createElement("span");
    mark.textContent = String(index + 1);
    mark.style.left = `${x * scale}px`;
    mark.style.top = `${y * scale}px`;
    return mark;
  }));
  cursor.hidden = state.at === null;
  if (state.at !== null) {
    cursor.style.left = `${state.at[0] * scale}px`;
    cursor.style.top = `${state.at[1] * scale}px`;
  }
}

function say(sentence) {
  element("status").textContent = sentence;
}

function show(puzzle) {
  Object.assign(state, { puzzle, clicks: [], at: null, input: "mouse" });
  const parts = puzzle.words.length
    ? puzzle.words.map((word) => Object.assign(document.createElement("span"), { textContent: word }))
    : puzzle.prompt.map((src) => Object.assign(document.createElement("img"), { src, alt: "" }));
  element("prompt").replaceChildren(...parts);
  picture.onload = () => {
    state.began = performance.now();
    stage.dataset.puzzle = puzzle.id;
    draw();
  };
  picture.src = puzzle.background;
}

async function next() {
  const id = state.left.shift();
  if (id === undefined) {
    state.puzzle = null;
    stage.hidden = true;
    say(told.finished);
    return;
  }
  const answer = await fetch(`api/puzzles/${encodeURIComponent(id)}`);
  show(await answer.json());
}

async function send(gaveUp) {
  if (state.puzzle === null) return;
  if (!gaveUp && state.clicks.length === 0) {
    say(told.first);
    return;
  }
  const body = {
    puzzle: state.puzzle.id,
    clicks: gaveUp ? [] : state.clicks,
    seconds: (performance.now() - state.began) / 1000,
    input: state.input,
  };
  const headers = { "Content-Type": "application/json", "X-Clickorder-People": "1" };
  const answer = await fetch("api/answers", {
    method: "POST", headers, body: JSON.stringify(body),
  }).catch(() => null);
  if (answer === null || !answer.ok) {
    say(told.failed);
    return;
  }
  say(`${told.saved} ${state.left.length} ${told.left}`);
  await next();
}

function click(x, y) {
  state.clicks.push([Math.round(x), Math.round(y)]);
  draw();
}

function undo() {
  state.clicks.pop();
  draw();
}

stage.addEventListener("pointerup", (event) => {
  const frame = picture.getBoundingClientRect();
  const scale = picture.naturalWidth / frame.width;
  state.input = event.pointerType === "touch" ? "touch" : "mouse";
  state.at = null;
  click((event.clientX - frame.left) * scale, (event.clientY - frame.top) * scale);
});

stage.addEventListener("keydown", (event) => {
  const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  const way = ways[event.key];
  state.at ??= [picture.naturalWidth / 2, picture.naturalHeight / 2];
  if (way) {
    const step = event.shiftKey ? 1 : 8;
    state.at = [
      Math.min(picture.naturalWidth - 1, Math.max(0, state.at[0] + way[0] * step)),
      Math.min(picture.naturalHeight - 1, Math.max(0, state.at[1] + way[1] * step)),
    ];
    draw();
  } else if (event.key === "Enter" || event.key === " ") {
    state.input = "keyboard";
    click(...state.at);
  } else if (event.key === "Backspace") {
    undo();
  } else {
    return;
  }
  event.preventDefault();
});

for (const [id, text] of [["lead", told.lead], ["undo", told.undo], ["give-up", told.giveUp],
  ["done", told.done], ["keys", told.keys]]) {
  element(id).textContent = text;
}
element("undo").addEventListener("click", undo);
element("give-up").addEventListener("click", () => send(true));
element("done").addEventListener("click", () => send(false));
window.addEventListener("resize", draw);
document.documentElement.lang = told === WORDS.zh ? "zh" : "en";

state.left = await (await fetch("api/puzzles")).json();
await next();
