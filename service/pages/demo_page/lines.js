// The request on the page as lines to paste: the same parts that the page itself sends.

/** `parts` are `{ name, text }` or `{ name, file, picture }`, where `file` is a file name. */
export function linesOf(tongue, address, parts, withKey) {
  return { curl, python, javascript }[tongue](address, parts, withKey);
}

function curl(address, parts, withKey) {
  const lines = [`curl ${shell(address)}`];
  if (withKey) lines.push('-H "Authorization: Bearer $CLICKORDER_KEY"');
  for (const { name, text, file } of parts) {
    // With -F a text that begins with @ or < would be read from a file.
    if (file === undefined) lines.push(`--form-string ${shell(`${name}=${text}`)}`);
    else lines.push(`-F ${shell(`${name}=@${formFile(file)}`)}`);
  }
  return `${lines.join(" \\\n  ")}\n`;
}

function python(address, parts, withKey) {
  const rows = parts.map(({ name, text, file }) => (
    file === undefined
      ? `        (${literal(name)}, (None, ${literal(text)})),`
      : `        (${literal(name)}, open(${literal(file)}, "rb")),`
  ));
  const key = "    headers={\"Authorization\": f\"Bearer {os.environ['CLICKORDER_KEY']}\"},\n";
  return `${withKey ? "import os\n\n" : ""}import httpx

response = httpx.post(
    ${literal(address)},
${withKey ? key : ""}    files=[
${rows.join("\n")}
    ],
    timeout=60,
)
print(response.json())
`;
}

function javascript(address, parts, withKey) {
  const rows = parts.map(({ name, text, file }) => (
    file === undefined
      ? `form.append(${literal(name)}, ${literal(text)});`
      : `form.append(${literal(name)}, await openAsBlob(${literal(file)}), ${literal(file)});`
  ));
  const key = "  headers: { Authorization: `Bearer ${process.env.CLICKORDER_KEY}` },\n";
  return `// Node.js 20 or newer; save it as solve.mjs
import { openAsBlob } from "node:fs";

const form = new FormData();
${rows.join("\n")}
const response = await fetch(${literal(address)}, {
  method: "POST",
${withKey ? key : ""}  body: form,
});
console.log(await response.json());
`;
}

/** A word of a POSIX shell. */
function shell(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** curl splits file names at `,` and `;` unless they are in quotes. */
function formFile(name) {
  if (/^[\p{L}\p{N}_.-]+$/u.test(name) && name !== "-") return name;
  return `"${name.replace(/["\\]/g, "\\$&")}"`;
}

/** A string of Python and of JavaScript alike. */
function literal(text) {
  const quoted = JSON.stringify(text).replaceAll("\u007f", "\\u007f");
  // Easier to read where the text is JSON itself.
  return /["]/.test(text) && !/['\\\p{Cc}]/u.test(text) ? `'${text}'` : quoted;
}
