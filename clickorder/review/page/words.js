// What the page says, in its two languages; `{0}` and `{1}` are filled in.

export const WORDS = {
  en: {
    other: "中文",
    undo: "Undo", redo: "Redo", show: "Show",
    all: "All", unreviewed: "Not reviewed", uncertain: "Least certain first",
    pictures: "Pictures", boxes: "Boxes", classes: "Classes", keys: "Keys", name: "Name of the box",
    previous: "← Previous", next: "Next →", order: "Click order", done: "Right, next ✓",
    orderHint: "Click the boxes one after another. Backspace takes the last number back; o ends.",
    saved: "Saved", saving: "Saving …", changed: "Changed", failed: "Not saved",
    count: "{0} of {1} reviewed", where: "{0} / {1} · {2}",
    noBoxes: "No boxes; drag one on the picture.",
    newClass: "new: {0}", empty: "Nothing is left in this list.",
    last: "That was the last picture of this list.", first: "This is the first picture.",
    allDone: "All pictures are reviewed.",
    conflict: "The labels of this picture were changed elsewhere meanwhile.",
    loadTheirs: "Load those", keepMine: "Keep mine",
    doubtful: "Saving will lose what cannot be read here: {0}",
    editAnyway: "Edit anyway", retry: "Try again",
    lost: "The server does not answer; is `clickorder labels review` still running?",
    reload: "Load again",
    boxIs: "Box {0} of {1}: {2}", placeIs: ", click {0}",
  },
  zh: {
    other: "English",
    undo: "撤销", redo: "重做", show: "显示",
    all: "全部", unreviewed: "未审核", uncertain: "最不确定的在前",
    pictures: "图片", boxes: "标注框", classes: "类别", keys: "按键", name: "标注框的名称",
    previous: "← 上一张", next: "下一张 →", order: "点击顺序", done: "正确，下一张 ✓",
    orderHint: "请按顺序依次点击标注框。退格键取消最后一个编号；按 o 结束。",
    saved: "已保存", saving: "正在保存…", changed: "有改动", failed: "未保存",
    count: "已审核 {0} / {1}", where: "{0} / {1} · {2}",
    noBoxes: "没有标注框；在图片上拖动即可绘制。",
    newClass: "新类别：{0}", empty: "此列表中没有剩余图片。",
    last: "已是此列表的最后一张。", first: "已是第一张。",
    allDone: "所有图片均已审核。",
    conflict: "这张图片的标注已在别处被修改。",
    loadTheirs: "载入新的标注", keepMine: "保留我的标注",
    doubtful: "以下内容无法读取，保存后将会丢失：{0}",
    editAnyway: "仍然编辑", retry: "重试",
    lost: "服务器没有响应；`clickorder labels review` 是否仍在运行？",
    reload: "重新载入",
    boxIs: "第 {0} 个框，共 {1} 个：{2}", placeIs: "，点击次序 {0}",
  },
};

// Keys and what they do; a key without a sign of its own has a word in each language.
export const KEYS = [
  [[{ en: "Space", zh: "空格" }], { en: "right, next picture", zh: "正确，下一张" }],
  [["→", "n"], { en: "next", zh: "下一张" }],
  [["←", "p"], { en: "previous", zh: "上一张" }],
  [[{ en: "drag", zh: "拖动" }], { en: "draw a box; with Shift also inside another", zh: "绘制框；按住 Shift 可画在其他框内" }],
  [["w"], { en: "new box in the middle", zh: "在中央新建框" }],
  [["Tab"], { en: "choose a box", zh: "选择框" }],
  [["Enter"], { en: "name it, or number it", zh: "命名，或为其编号" }],
  [["1", "…", "9"], { en: "give it that class", zh: "设为该类别" }],
  [["Shift", "↑↓←→"], { en: "move it", zh: "移动" }],
  [["Alt", "↑↓←→"], { en: "resize it", zh: "调整大小" }],
  [["Del"], { en: "delete it", zh: "删除" }],
  [["o"], { en: "order of clicks", zh: "点击顺序" }],
  [["Ctrl", "Z"], { en: "undo; with Shift redo", zh: "撤销；加 Shift 重做" }],
  [["r"], { en: "reviewed, or not", zh: "标记或取消已审核" }],
  [["+", "−", "0"], { en: "zoom, zoom to fit", zh: "缩放，适合窗口" }],
  [["Esc"], { en: "leave", zh: "退出" }],
];

export function firstLanguage() {
  const kept = remembered();
  if (kept in WORDS) return kept;
  return navigator.language.toLowerCase().startsWith("zh") ? "zh" : "en";
}

export function rememberLanguage(language) {
  try { localStorage.setItem("language", language); } catch { /* it is only remembered */ }
}

function remembered() {
  try { return localStorage.getItem("language"); } catch { return null; }
}
