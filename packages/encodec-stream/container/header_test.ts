import assert from "node:assert/strict";
import { EcdcError } from "../errors.ts";
import { formatHeader, parseHeader, versionFor } from "./header.ts";
import { EcdcReader } from "./reader.ts";

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes.subarray(9));

Deno.test("formatHeader() writes Meta's text in version 0 and Encodec-Stream's in 193", () => {
  const native = formatHeader({ model: "encodec_48khz", samples: 480000, codebooks: 8 });
  assert.equal(text(native), '{"m": "encodec_48khz", "al": 480000, "nc": 8, "lm": false}');
  assert.equal(native.subarray(0, 9).toHex(), "454344430000000" + "03a");
  const resampled = formatHeader({
    model: "encodec_48khz",
    samples: 10,
    codebooks: 2,
    bitrate: 3.5,
    sampleRate: 56000,
    title: "café",
    source: "https://example.com/é",
    thumbnail: "t",
  });
  assert.equal(resampled[4], 193);
  assert.equal(
    text(resampled),
    String
      .raw`{"m":"encodec_48khz","al":10,"nc":2,"lm":false,"br":3.5,"sr":56000,"n":"caf\u00e9","s":"https://example.com/\u00e9","t":"t"}`,
  );
});

Deno.test("versionFor() keeps version 0 wherever Meta's tool would play the file right", () => {
  const fields = { model: "encodec_24khz", samples: 1, codebooks: 2 } as const;
  assert.equal(versionFor(fields), 0);
  assert.equal(versionFor({ ...fields, sampleRate: 24000, title: "x" }), 0);
  assert.equal(versionFor({ ...fields, sampleRate: 48000 }), 193);
});

Deno.test("a header may be overwritten inside the room of a longer one", () => {
  const room = formatHeader({ model: "encodec_48khz", samples: 2 ** 53 - 1, codebooks: 8 }).length;
  const bytes = formatHeader({ model: "encodec_48khz", samples: 480000, codebooks: 8 }, room);
  assert.equal(bytes.length, room);
  assert.equal(parseHeader(bytes).samples, 480000);
  assert.equal(parseHeader(bytes).bytes, room);
  assert.throws(
    () => formatHeader({ model: "encodec_48khz", samples: 480000, codebooks: 8 }, 20),
    RangeError,
  );
});

Deno.test("the PCM rate follows sr, and the version where it is missing", () => {
  const rate = (version: number, json: string) => {
    const bytes = new TextEncoder().encode(`ECDC\0\0\0\0\0${json}`);
    bytes[4] = version;
    bytes[8] = json.length;
    return parseHeader(bytes).rate;
  };
  const mono = '{"m":"encodec_24khz","al":48000,"nc":2,"lm":false';
  assert.equal(rate(0, `${mono}}`), 24000);
  assert.equal(rate(192, `${mono}}`), 48000);
  assert.equal(rate(193, `${mono}}`), 24000);
  assert.equal(rate(193, `${mono},"sr":32000}`), 32000);
  assert.equal(rate(192, '{"m":"encodec_48khz","al":48000,"nc":2,"lm":false}'), 48000);
});

Deno.test("formatHeader() refuses fields out of range", () => {
  const fields = { model: "encodec_48khz", samples: 1, codebooks: 8 } as const;
  assert.throws(() => formatHeader({ ...fields, codebooks: 17 }), RangeError);
  assert.throws(() => formatHeader({ ...fields, samples: -1 }), RangeError);
  assert.throws(() => formatHeader({ ...fields, samples: 0.5 }), RangeError);
  assert.throws(() => formatHeader({ ...fields, sampleRate: 4_000_001 }), RangeError);
});

Deno.test("errors carry their code and name the key", () => {
  const json = '{"m":"encodec_48khz","al":1,"lm":false}';
  const bytes = new TextEncoder().encode(`ECDC\0\0\0\0${String.fromCharCode(json.length)}${json}`);
  assert.throws(
    () => parseHeader(bytes),
    (error) =>
      error instanceof EcdcError && error.code === "bad-header" && /"nc"/.test(error.message),
  );
});

Deno.test("a header may be longer where it is allowed to be", async () => {
  const title = "x".repeat(2_000_000);
  const json = `{"m":"encodec_48khz","al":0,"nc":2,"lm":false,"n":"${title}"}`;
  const bytes = new TextEncoder().encode(`ECDC\0\0\0\0\0${json}`);
  new DataView(bytes.buffer).setUint32(5, json.length);
  const tooLong = (error: unknown) => error instanceof EcdcError && error.code === "limit";
  assert.throws(() => parseHeader(bytes), tooLong);
  await assert.rejects(EcdcReader.open(bytes), tooLong);
  const options = { maxJsonBytes: 1 << 21 };
  assert.equal(parseHeader(bytes, options).title, title);
  await using reader = await EcdcReader.open(bytes, options);
  assert.equal(reader.header.title, title);
});
