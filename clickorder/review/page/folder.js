// Talks to the server that came with the page.

export class Problem extends Error {
  constructor(status, code, detail) {
    super(detail);
    this.status = status;
    this.code = code;
  }
}

export const list = () => ask("GET", "api/pictures");
export const read = (name) => ask("GET", `api/pictures/${path(name)}`);
export const save = (name, body) => ask("PUT", `api/pictures/${path(name)}`, body);
export const mark = (name, reviewed) => ask("PUT", `api/reviewed/${path(name)}`, { reviewed });

async function ask(method, address, body) {
  const options = { method, headers: {} };
  if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers = { "Content-Type": "application/json", "X-Clickorder-Review": "1" };
    options.keepalive = options.body.length < 60_000; // a save goes on when the page is closed
  }
  let answer;
  try {
    answer = await fetch(address, options);
  } catch {
    throw new Problem(0, "lost", "");
  }
  const content = await answer.json();
  if (!answer.ok) throw new Problem(answer.status, content.code, content.detail);
  return content;
}

function path(name) { return name.split("/").map(encodeURIComponent).join("/"); }
