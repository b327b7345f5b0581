// Draws through the server: it sends all pictures of a view side by side in one PNG, which is cut up here.

export async function open() {
  return (await fetch("generator.json")).json();
}

async function fetched(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error((await answer.json()).detail);
  return answer.blob();
}

// Gives the parts of a view the names that the server knows; without a class it draws all in turns.
function query({ count, kind, ...others }) {
  return new URLSearchParams({ n: count, ...(kind >= 0 && { class: kind }), ...others });
}

// `wanted` says how many pictures there are; the server works out their noise from the view itself.
export async function paint(wanted, information, view) {
  const sheet = await createImageBitmap(await fetched(`image.png?${query({ ...view, plain: true })}`));
  const [height, width] = information.picture_shape;
  const canvas = Object.assign(document.createElement("canvas"), { width: sheet.width, height });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(sheet, 0, 0);
  return wanted.map((_, index) => context.getImageData(index * width, 0, width, height));
}

// Fetches a walk as a GIF.
export async function walk(view) {
  const { seed, count, kind, truncation } = view;
  return fetched(`walk.gif?${query({ seed, count, kind, truncation })}`);
}
