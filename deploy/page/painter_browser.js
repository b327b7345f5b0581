// Draws in the browser, with the model beside the page. onnxruntime-web computes, in WebAssembly on one thread: more
// threads would need headers that most static hosts do not send.

import { walkOf } from "./latent.js";
import { applyPalette, GIFEncoder, quantize } from "./vendor/gifenc.esm.js";
import * as ort from "./vendor/ort.wasm.bundle.min.mjs";

const FRAMES_A_SECOND = 12;

ort.env.wasm.wasmPaths = { wasm: new URL("./vendor/ort-wasm-simd-threaded.wasm", import.meta.url).href };
ort.env.wasm.numThreads = 1;

let session;

export async function open() {
  const information = await (await fetch("generator.json")).json();
  session = await ort.InferenceSession.create("generator.onnx", { executionProviders: ["wasm"] });
  return information;
}

// Draws what latent.js asks for: [{ noise, kind }] becomes [ImageData].
export async function paint(wanted, information) {
  const size = information.noise_size;
  const noise = new Float32Array(wanted.length * size);
  wanted.forEach((one, index) => noise.set(one.noise, index * size));
  const inputs = { noise: new ort.Tensor("float32", noise, [wanted.length, size]) };
  if (information.class_names) {
    const kinds = Int32Array.from(wanted, (one) => one.kind);
    inputs.class_number = new ort.Tensor("int32", kinds, [wanted.length, 1]);
  }
  const output = Object.values(await session.run(inputs))[0];
  const [height, width, channels] = information.picture_shape;
  const values = height * width * channels;
  return wanted.map((_, index) => toImage(output.data.subarray(index * values, (index + 1) * values), height, width, channels));
}

function toImage(values, height, width, channels) {
  const image = new ImageData(width, height);
  for (let pixel = 0; pixel < height * width; pixel++) {
    for (let part = 0; part < 4; part++) {
      const channel = channels < 3 ? 0 : part;
      const opaque = part === 3 && channels < 4;
      image.data[4 * pixel + part] = opaque ? 255 : Math.round((values[channels * pixel + channel] + 1) * 127.5);
    }
  }
  return image; // a Uint8ClampedArray brings values outside 0 to 255 back to them
}

// Draws a walk from picture to picture into a GIF. `sheetOf` lays the pictures of a frame out on a canvas.
export async function walk(view, information, sheetOf, say) {
  const frames = walkOf(view, information, view.count);
  const encoder = GIFEncoder();
  for (const [number, frame] of frames.entries()) {
    say(`The walk: frame ${number + 1} of ${frames.length}`);
    const sheet = sheetOf(await paint(frame, information));
    const pixels = sheet.getContext("2d").getImageData(0, 0, sheet.width, sheet.height).data;
    const palette = quantize(pixels, 256);
    encoder.writeFrame(applyPalette(pixels, palette), sheet.width, sheet.height, { palette, delay: 1000 / FRAMES_A_SECOND });
  }
  encoder.finish();
  return new Blob([encoder.bytes()], { type: "image/gif" });
}
