import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { createHash } from "node:crypto";
import { mutations } from "#testing/fuzz.ts";
import { ffmpeg } from "#testing/media_bed/clip.ts";
import { hasPrograms, needs, sharedPath, sharedTest } from "#testing/shared.ts";
import { MediaError } from "@vcs/media/errors";
import { decodeImage, encodeJpeg, encodePng, encodeWebp } from "@vcs/media/image";

/** SHA-256 of Pillow 12's RGB pixels, first 16 digits. */
const PILLOW: Record<string, string> = {
  "bricks_texture.jpg": "27d5787280752b57",
  "cas_00000.jpg": "815a9d3fafc931a5",
  "cas_00001.jpg": "0430a6533cd2227e",
  "exif_Landscape_1.jpg": "723b38c3ed1cb429",
  "exif_Landscape_3.jpg": "94dc2182ad02233c",
  "exif_Landscape_6.jpg": "0a23be64c2e63ff8",
  "exif_Portrait_5.jpg": "d43cac28301cb7c3",
  "jd_grayscale_large.jpg": "69033ba484c07fa3",
  "jd_jpg-size-6x6.jpg": "d84403c021d52bab",
  "jd_progressive3.jpg": "e7446959fe4bdf3d",
  "jd_restarts.jpg": "3f873955c15dd995",
  "jd_ycck.jpg": "94747aacd22d8498",
  "london_progressive_exif.jpg": "bd68976c3f1fcacb",
  "moz_jpg-cmyk-1.jpg": "82bf496c5f738767",
  "moz_jpg-gray.jpg": "d84cd6820fdf5f8b",
  "moz_jpg-progressive.jpg": "590e563a299023f1",
  "moz_jpg-size-15x15.jpg": "cc1f8892eb0df05e",
  "moz_jpg-size-1x1.jpg": "05718bc75cc4458d",
  "pil_flower.jpg": "303a005a56008d10",
  "pil_hopper.jpg": "719b9eeda0a26779",
  "pil_hopper_gray.jpg": "af02452b49f6f7ed",
  "pil_hopper_orientation_6.jpg": "054b80361ba3a307",
  "pil_icc_profile_big.jpg": "9a2762fe8da03fe7",
  "pil_jpeg_ff00_header.jpg": "801f1f2a4ceec133",
  "pil_rgb.jpg": "c1cb479cb02ff28f",
  "pil_sample_cmyk.jpg": "5f547263ecc1ead3",
  "tower_progressive.jpg": "0d35fa6783a5f8bd",
  "vacation_2560x1440.jpg": "4731c35560cf03ec",
  "white_1x1.jpg": "5ae7e6a42304dc6e",
};

const read = (name: string) => Deno.readFile(sharedPath(`data/jpeg/${name}`));

sharedTest("decodeImage() gives Pillow's pixels of every good file", async (t) => {
  for (const [name, sha256] of Object.entries(PILLOW)) {
    await t.step(name, async () => {
      const { data, width, height } = await decodeImage(await read(name));
      assert.equal(data.length, width * height * 3);
      assert.equal(data.byteLength, data.buffer.byteLength);
      assert.equal(createHash("sha256").update(data).digest("hex").slice(0, 16), sha256);
    });
  }
});

sharedTest("decodeImage() refuses every bad file with a code", async (t) => {
  const bad = [
    "jd_empty.jpg",
    "jd_missing-sos.jpg",
    "jd_null_height.jpg",
    "jd_max_size.jpg",
    "jd_b5369bcbddca7135a5708c5237ad64e4.jpg",
    "jd_c3018ebe53d0046eecb58858ca869a99.jpg",
    "pil_truncated_jpeg.jpg",
  ];
  for (const name of bad) {
    await t.step(name, async () => {
      await assert.rejects(decodeImage(await read(name)), (error) => {
        assert(error instanceof MediaError);
        assert.equal(error.code, "invalid-media");
        assert.match(error.message, /^Cannot decode image: [^\n]+$/);
        return true;
      });
    });
  }
});

sharedTest("decodeImage() takes what is left of a cut-off file on request", async () => {
  const bytes = await read("pil_truncated_jpeg.jpg");
  const { width, height } = await decodeImage(bytes, { acceptDamaged: true });
  assert.deepEqual([width, height], [100, 100]);
});

sharedTest("decodeImage() turns an image only on request", async () => {
  const bytes = await read("exif_Portrait_5.jpg");
  const stored = await decodeImage(bytes);
  assert.deepEqual([stored.width, stored.height, stored.orientation], [1800, 1200, 5]);
  const upright = await decodeImage(bytes, { orient: true });
  assert.deepEqual([upright.width, upright.height], [1200, 1800]);
});

function gradient(width: number, height: number) {
  const data = Uint8Array.from({ length: width * height * 3 }, (_, i) => Math.floor(i / 3) % 200);
  return { width, height, data };
}

Deno.test("encodePng() keeps every pixel", async () => {
  const image = gradient(37, 11);
  const back = await decodeImage(await encodePng(image));
  assert.equal(back.format, "png");
  assert.deepEqual(back.data, image.data);
});

Deno.test("encodeJpeg() comes near, and nearer with quality", async () => {
  const image = gradient(64, 48);
  const errors: number[] = [];
  for (const quality of [30, 95]) {
    const back = await decodeImage(await encodeJpeg(image, { quality, chroma: "4:4:4" }));
    assert.equal(back.format, "jpeg");
    errors.push(back.data.reduce((sum, x, i) => sum + Math.abs(x - image.data[i]!), 0));
  }
  assert(errors[1]! < errors[0]! && errors[1]! < image.data.length);
});

Deno.test("encodeWebp() shows the pictures one after the other, each for its time", async () => {
  const picture = (grey: number) => ({
    width: 16,
    height: 8,
    data: new Uint8Array(384).fill(grey),
  });
  const bytes = await encodeWebp([picture(250), picture(20), picture(120)], { pictureMs: 70 });
  const view = new DataView(bytes.buffer);
  const durations: number[] = [];
  for (let at = 12; at < bytes.length; at += 8 + 2 * Math.ceil(view.getUint32(at + 4, true) / 2)) {
    const name = String.fromCharCode(...bytes.subarray(at, at + 4));
    if (name === "ANMF") durations.push(view.getUint32(at + 8 + 11, true) >>> 8);
  }
  assert.deepEqual(durations, [70, 70, 70]);
  const first = await decodeImage(bytes);
  assert.deepEqual([first.width, first.height], [16, 8]);
  assert.ok(Math.abs(first.data[0]! - 250) < 4, `${first.data[0]}`);
  await assert.rejects(encodeWebp([]), /expected pictures of one size, found none/);
  const other = { width: 8, height: 16, data: new Uint8Array(384) };
  await assert.rejects(encodeWebp([picture(1), other]), /one size, found 16x8, 8x16/);
});

Deno.test("encodePng() and encodeJpeg() refuse what does not fit", async () => {
  const short = { width: 2, height: 2, data: new Uint8Array(11) };
  await assert.rejects(encodePng(short), /2x2 RGB needs 12 bytes, found 11/);
  await assert.rejects(encodeJpeg({ width: 0, height: 2, data: new Uint8Array() }), RangeError);
  await assert.rejects(encodeJpeg(gradient(8, 8), { quality: 101 }), /quality must be 1 to 100/);
});

Deno.test("decodeImage() survives damaged files", async () => {
  const good = await encodeJpeg(gradient(40, 30));
  for (const bytes of mutations(good, 300)) {
    const result = await decodeImage(bytes).catch((error: unknown) => error);
    assert(result instanceof MediaError || typeof result === "object" && result !== null);
    if (result instanceof Error) assert(result instanceof MediaError, String(result));
  }
});

Deno.test({
  name: "decodeImage() reads BMP, PPM, TGA and JPEG 2000 by FFmpeg",
  ...needs(hasPrograms("ffmpeg")),
  fn: async () => {
    const folder = await Deno.makeTempDir();
    const source = ["-f", "lavfi", "-i", "testsrc=s=37x21", "-frames:v", "1"];
    await ffmpeg([...source, "-pix_fmt", "rgb24", `${folder}/a.png`]);
    const kinds: [string, string[]][] = [
      ["a.bmp", ["-pix_fmt", "bgr24"]],
      ["a.ppm", ["-pix_fmt", "rgb24"]],
      ["a.tga", ["-pix_fmt", "bgr24"]],
      ["raw.tga", ["-pix_fmt", "bgr24", "-rle", "0"]],
      ["a.jp2", ["-c:v", "jpeg2000", "-pred", "1", "-q:v", "1", "-pix_fmt", "rgb24"]],
      ["a.j2k", ["-c:v", "jpeg2000", "-format", "0", "-pred", "1", "-pix_fmt", "rgb24"]],
    ];
    for (const [name, args] of kinds) {
      await ffmpeg(["-i", `${folder}/a.png`, ...args, "-update", "1", `${folder}/${name}`]);
      const bytes = await Deno.readFile(`${folder}/${name}`);
      await ffmpeg(["-i", `${folder}/${name}`, "-pix_fmt", "rgb24", `${folder}/shown.png`]);
      const expected = await decodeImage(await Deno.readFile(`${folder}/shown.png`));
      const { width, height, data } = await decodeImage(bytes);
      assert.deepEqual([width, height], [37, 21], name);
      assert.deepEqual(data, expected.data, name);
      await assert.rejects(decodeImage(bytes.subarray(0, 30)), { code: "invalid-media" }, name);
    }
    await Deno.remove(folder, { recursive: true });
  },
});

/** A JPEG of noise, and the same with stray bytes before its scan. */
async function noise(): Promise<{ jpeg: Uint8Array; stray: Uint8Array }> {
  const data = Uint8Array.from({ length: 160 * 120 * 3 }, (_, i) => (i * 7919 + (i >> 4)) % 256);
  const jpeg = await encodeJpeg({ width: 160, height: 120, data });
  const scan = Buffer.from(jpeg).indexOf(Buffer.of(0xff, 0xda));
  const stray = Buffer.concat([jpeg.subarray(0, scan), Buffer.from("stray"), jpeg.subarray(scan)]);
  return { jpeg, stray };
}

/** Half of a JPEG, ended as if nothing was missing. */
const endedHalf = (jpeg: Uint8Array) =>
  Buffer.concat([jpeg.subarray(0, jpeg.length >> 1), Buffer.of(0xff, 0xd9)]);

Deno.test("decodeImage() refuses an image of which a part is missing, though it has an end", async () => {
  const { jpeg, stray } = await noise();
  for (const bytes of [endedHalf(jpeg), endedHalf(stray)]) {
    await assert.rejects(
      decodeImage(bytes),
      /^MediaError: Cannot decode image: .*premature end of/,
    );
    assert.equal((await decodeImage(bytes, { acceptDamaged: true })).width, 160);
  }
});

Deno.test("decodeImage() refuses an image of which a few bytes are missing, though it has an end", async () => {
  for (const height of [120, 117]) {
    const data = Uint8Array.from(
      { length: 160 * height * 3 },
      (_, i) => (i * 7919 + (i >> 4)) % 256,
    );
    for (const chroma of ["4:2:0", "4:4:4"] as const) {
      const jpeg = await encodeJpeg({ width: 160, height, data }, { chroma });
      const image = await decodeImage(jpeg);
      assert.deepEqual([image.width, image.height, image.data.length], [160, height, data.length]);
      assert.deepEqual(image.data, (await decodeImage(jpeg, { acceptDamaged: true })).data);
      assert.equal((await decodeImage(jpeg, { maxPixels: 160 * height })).height, height);
      await assert.rejects(decodeImage(jpeg, { maxPixels: 160 * height - 1 }), { code: "limit" });
      for (const missing of [20, 300]) {
        const cut = Buffer.concat([jpeg.subarray(0, -missing), Buffer.of(0xff, 0xd9)]);
        await assert.rejects(decodeImage(cut), /premature end of/, `${chroma}, ${missing}`);
      }
    }
  }
});

Deno.test("decodeImage() takes an image with stray bytes between its segments", async () => {
  const { jpeg, stray } = await noise();
  assert.deepEqual((await decodeImage(stray)).data, (await decodeImage(jpeg)).data);
});

Deno.test("decodeImage() takes as many pixels as are allowed", async () => {
  const png = await encodePng({ width: 20, height: 10, data: new Uint8Array(600) });
  const bmp = new Uint8Array(54 + 600);
  const view = new DataView(bmp.buffer);
  const words = [[2, 654], [10, 54], [14, 40], [18, 20], [22, 10], [34, 600]] as const;
  for (const [at, value] of words) view.setUint32(at, value, true);
  bmp.set([0x42, 0x4d], 0);
  view.setUint16(26, 1, true);
  view.setUint16(28, 24, true);
  for (const bytes of [png, bmp]) {
    await assert.rejects(decodeImage(bytes, { maxPixels: 199 }), { code: "limit" });
    const { width, height } = await decodeImage(bytes, { maxPixels: 200 });
    assert.deepEqual([width, height], [20, 10]);
  }
});
