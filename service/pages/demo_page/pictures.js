// Pictures that a person drops, pastes or chooses.

/** What could not be shown; `name` is the file's. */
export class NotAPicture extends Error {
  constructor(name) {
    super(name);
    this.name = "NotAPicture";
    this.file = name;
  }
}

export async function load(file) {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  try {
    await image.decode();
  } catch {
    URL.revokeObjectURL(url);
    throw new NotAPicture(file.name);
  }
  return { file, name: file.name, url, width: image.naturalWidth, height: image.naturalHeight };
}

export const drop = (picture) => picture && URL.revokeObjectURL(picture.url);

/**
 * Give pictures of one name names of their own: two folders may both have an `icon.png`, but the
 * lines of the request are run in one.
 */
export function nameApart(pictures) {
  const taken = new Set();
  for (const picture of pictures) {
    const [, stem, ending] = /^(.*?)(\.[^.]*)?$/s.exec(picture.file.name);
    let name = picture.file.name;
    for (let count = 2; taken.has(name); count += 1) name = `${stem}-${count}${ending ?? ""}`;
    taken.add(name);
    picture.name = name;
  }
}

/** Browsers call every pasted picture `image.png`. */
export function renamed(file, name) {
  const ending = file.type.split("/")[1]?.replace("jpeg", "jpg") ?? "png";
  return new File([file], `${name}.${ending}`, { type: file.type });
}
