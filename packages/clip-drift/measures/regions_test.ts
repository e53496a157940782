import assert from "node:assert/strict";
import {
  countedPixels,
  parsePolygon,
  parseRegions,
  RegionFilter,
  type Regions,
} from "./regions.ts";

const LEFT = parsePolygon("0,0 0.5,0 0.5,1 0,1");
const CORNER = parsePolygon("0,0 0.25,0 0.25,0.5 0,0.5");

Deno.test("countedPixels() counts what is in a roi and in no mask, all of it without a roi", () => {
  const shown = (regions: Regions) => countedPixels(regions, 4, 2).join("");
  assert.equal(shown({ roi: [], mask: [] }), "11111111");
  assert.equal(shown({ roi: [LEFT], mask: [] }), "11001100");
  assert.equal(shown({ roi: [], mask: [CORNER] }), "01111111");
  assert.equal(shown({ roi: [LEFT], mask: [CORNER] }), "01001100");
});

Deno.test("a polygon that goes back in counts by the even-odd rule, whichever way it turns", () => {
  const u = "0,0 1,0 1,1 0.75,1 0.75,0.5 0.25,0.5 0.25,1 0,1";
  const back = u.split(" ").reverse().join(" ");
  for (const text of [u, back]) {
    assert.equal(
      countedPixels({ roi: [parsePolygon(text)], mask: [] }, 4, 2).join(""),
      "11111001",
    );
  }
});

Deno.test("parseRegions() reads regions by camera, and none where nothing is said", () => {
  const door = { roi: [LEFT], mask: [CORNER] };
  assert.deepEqual(parseRegions(JSON.stringify({ cameras: { door } })), { door });
  assert.deepEqual(parseRegions("{}"), {});
  assert.deepEqual(parseRegions('{"cameras":{"door":{"mask":[[[0,0],[1,0],[0,1]]]}}}'), {
    door: { roi: [], mask: [[[0, 0], [1, 0], [0, 1]]] },
  });
});

const WRONG = {
  "no JSON": "{",
  "an object": "[]",
  'found "camera"': '{"camera":{}}',
  'found "rio"': '{"cameras":{"a":{"rio":[]}}}',
  "pairs": '{"cameras":{"a":{"roi":[[1,2,3]]}}}',
  "2 points": '{"cameras":{"a":{"roi":[[[0,0],[1,1]]]}}}',
  'found "x"': '{"cameras":{"a":{"roi":[[[0,0],[1,1],[0,"x"]]]}}}',
  "found 1.5": '{"cameras":{"a":{"roi":[[[0,0],[1,1],[0,1.5]]]}}}',
  "nothing": '{"cameras":{"a":{"mask":[[[0,0],[1,0],[1,1],[0,1]]]}}}',
};

for (const [words, text] of Object.entries(WRONG)) {
  Deno.test(`parseRegions() refuses, and says: ${words}`, () => {
    const message = words === "no JSON" ? /JSON/ : new RegExp(words);
    assert.throws(() => parseRegions(text), { name: "SyntaxError", message });
  });
}

Deno.test("parsePolygon() refuses what is no polygon", () => {
  for (const text of ["", "0,0 1,1", "0,0 1,1 2,2", "0,0 1,1 a,b", "0;0 1;1 0;1"]) {
    assert.throws(() => parsePolygon(text), SyntaxError);
  }
});

Deno.test("RegionFilter cuts out what counts, and fills the rest with its mean colour", () => {
  const data = Uint8Array.from({ length: 4 * 2 * 3 }, (_, i) => 10 * Math.floor(i / 3));
  const filter = new RegionFilter({ roi: [LEFT], mask: [CORNER] });
  const { width, height, data: kept } = filter.apply({ width: 4, height: 2, data });
  assert.deepEqual([width, height], [2, 2]);
  // Pixels 1, 4 and 5 of 10, 40 and 50 count; pixel 0 takes their mean.
  assert.deepEqual([...kept].filter((_, i) => i % 3 === 0), [33, 10, 40, 50]);
});
