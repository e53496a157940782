import assert from "node:assert/strict";
import { parseHeader } from "./header.ts";
import { describeHeader, summarizeHeader } from "./header_summary.ts";

function header(version: number, json: string) {
  const text = new TextEncoder().encode(json);
  const bytes = new Uint8Array(9 + text.length);
  bytes.set([0x45, 0x43, 0x44, 0x43, version, 0, 0, text.length >> 8, text.length & 255]);
  bytes.set(text, 9);
  return parseHeader(bytes);
}

Deno.test("describeHeader() prints what Encodec-Stream prints", () => {
  const json =
    String.raw`{"m":"encodec_48khz","al":11729607,"nc":16,"lm":false,"br":24,"sr":48000,` +
    String.raw`"n":"caf\u00e9","s":"https://example.com","t":"pic"}`;
  assert.equal(
    describeHeader(header(193, json)),
    String.raw`Version: 193
Name: "caf\u00e9"
Duration: 244.3668125
Sample Rate: 48000
Bitrate: 24
Thumbnail: "pic"
Source: "https://example.com"
M: "encodec_48khz"
AL: 11729607
NC: 16
LM: false
`,
  );
});

Deno.test("describeHeader() keeps whole durations floats, unknown keys and their order", () => {
  const json =
    '{"lm": false, "m": "encodec_48khz", "x y": [1.50, {"a": 1e3}], "al": 480000, "nc": 2}';
  assert.equal(
    describeHeader(header(0, json)),
    `Version: 0
Duration: 10.0
LM: false
M: "encodec_48khz"
X Y: [1.5, {"a": 1000.0}]
AL: 480000
NC: 2
`,
  );
});

Deno.test("describeHeader() gives true durations where the original doubles them", () => {
  const mono = '{"m":"encodec_24khz","al":48000,"nc":2,"lm":false';
  assert.match(describeHeader(header(193, `${mono},"sr":24000}`)), /^Duration: 2\.0$/m);
  assert.match(describeHeader(header(193, `${mono},"sr":32000}`)), /^Duration: 1\.5$/m);
  assert.match(describeHeader(header(192, `${mono}}`)), /^Duration: 1\.0$/m);
});

Deno.test("nothing of a file reaches the terminal unescaped", () => {
  const json = String
    .raw`{"m":"encodec_24khz","al":1,"nc":2,"lm":false,"n":"\u001b[2J\n","\u001bk":1}`;
  assert.ok(!/[^\x20-\x7e\n]/.test(describeHeader(header(193, json))));
});

Deno.test("summarizeHeader() counts what the codes take", () => {
  const json = '{"m":"encodec_48khz","al":112000,"nc":2,"lm":false,"br":3.5,"sr":56000}';
  const { bitrate, duration, segments } = summarizeHeader(header(193, json));
  assert.deepEqual([bitrate, duration, segments], [3.5, 2, 3]);
});
