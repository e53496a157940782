import assert from "node:assert/strict";
import type { StreamFacts } from "../ffmpeg/backend.ts";
import { filterChain } from "./filter_chain.ts";
import { imageBytes } from "../formats/pixel_formats.ts";

const facts = (changes: Partial<StreamFacts>) =>
  ({
    pixelFormat: "yuv420p",
    height: 480,
    colorMatrix: "unknown",
    colorTransfer: "unknown",
    colorRange: "unknown",
    fieldOrder: "progressive",
    ...changes,
  }) as StreamFacts;

const chain = (changes: Partial<StreamFacts>, color: "tagged" | "reference" = "tagged") =>
  filterChain(facts(changes), { color, width: 8, height: 6 });

Deno.test("filterChain() follows the tags, and the height where there are none", () => {
  const matrix = (changes: Partial<StreamFacts>) =>
    /in_color_matrix=(\w+)/.exec(chain(changes))![1];
  assert.equal(matrix({}), "bt601");
  assert.equal(matrix({ height: 720 }), "bt709");
  assert.equal(matrix({ height: 719 }), "bt601");
  assert.equal(matrix({ height: 1080, colorMatrix: "smpte170m" }), "bt601");
  assert.equal(matrix({ colorMatrix: "bt709" }), "bt709");
  assert.equal(matrix({ colorMatrix: "bt2020nc" }), "bt2020");
});

Deno.test("filterChain() takes the range from the tag or the format's name", () => {
  assert.match(chain({}), /in_range=tv/);
  assert.match(chain({ colorRange: "pc" }), /in_range=pc/);
  assert.match(chain({ pixelFormat: "yuvj420p" }), /in_range=pc/);
});

Deno.test("filterChain() ignores tags in reference mode", () => {
  const tagged = { colorMatrix: "bt709", colorRange: "pc", height: 1080 };
  assert.match(chain(tagged, "reference"), /in_color_matrix=bt601:in_range=tv/);
  assert.match(chain({ pixelFormat: "yuvj420p" }, "reference"), /in_range=pc/);
});

Deno.test("filterChain() names no matrix for RGB, and turns as the orientation says", () => {
  assert.equal(chain({ pixelFormat: "gbrp" }), "scale=8:6:flags=bilinear,format=rgb24");
  const orientation = { rotation: 90, mirrored: false } as const;
  const turned = filterChain(facts({}), { color: "tagged", width: 8, height: 6, orientation });
  assert.match(turned, /format=rgb24,transpose=clock$/);
});

Deno.test("filterChain() maps PQ and HLG alone, and only if asked to, with a peak of its own", () => {
  const mapped = (colorTransfer: string, hdr: "keep" | "sdr") =>
    filterChain(facts({ colorTransfer }), { color: "tagged", hdr, width: 8, height: 6 });
  for (const transfer of ["smpte2084", "arib-std-b67"]) {
    const text = mapped(transfer, "sdr");
    assert.match(text, new RegExp(`color_trc=${transfer}.*tonemap=hable.*peak=10,.*format=rgb24$`));
    assert.doesNotMatch(mapped(transfer, "keep"), /tonemap/);
  }
  assert.doesNotMatch(mapped("bt709", "sdr"), /tonemap/);
});

Deno.test("imageBytes() knows planes, depths and odd sizes", () => {
  const sizes = [
    ["yuv420p", 5, 3, 15 + 2 * 3 * 2],
    ["yuvj420p", 4, 4, 24],
    ["yuv420p10le", 4, 4, 48],
    ["yuva420p", 4, 4, 40],
    ["yuv444p", 3, 3, 27],
    ["yuv422p", 3, 3, 9 + 2 * 6],
    ["nv12", 4, 4, 24],
    ["p010le", 4, 4, 48],
    ["gray", 5, 5, 25],
    ["gray10le", 5, 5, 50],
    ["gbrp", 2, 2, 12],
    ["gbrap12le", 2, 2, 32],
    ["rgb24", 2, 2, 12],
  ] as const;
  for (const [format, width, height, bytes] of sizes) {
    assert.equal(imageBytes(format, width, height), bytes, format);
  }
  assert.equal(imageBytes("bayer_bggr8", 4, 4), undefined);
});
