import assert from "node:assert/strict";
import { plot, Scale } from "./plot.ts";

Deno.test("a scale puts the least value at the lower left and the most at the upper right", () => {
  const scale = new Scale([10, 20], [-1, 1]);
  assert.deepEqual([scale.x(10), scale.y(-1)], [0, 1000]);
  assert.deepEqual([scale.x(20), scale.y(1)], [1000, 0]);
  assert.equal(
    scale.line([[10, 0], [15, 1]], "own"),
    '<polyline class="own" points="0.0,500.0 500.0,0.0"/>',
  );
  assert.equal(
    scale.box(12, 14, 0, 1, "kept"),
    '<rect class="kept" x="200.0" y="0.0" width="200.0" height="500.0"/>',
  );
});

Deno.test("a plot says what it shows, and its texts stay within it", () => {
  const html = plot({
    id: "some",
    label: 'Rises from 0 to "1" & <2>',
    x: [0, 100],
    y: [0, 2],
    xTicks: [[0, "start"], [50, "middle"], [100, "end"]],
    yTicks: [[1, "1 dB"]],
    draw: (scale) => scale.level(1, "own"),
  });
  assert.ok(html.includes('role="img" aria-label="Rises from 0 to &quot;1&quot; &amp; &lt;2&gt;"'));
  assert.ok(html.includes('<span class="start" style="left:0.00%">start</span>'));
  assert.ok(html.includes('<span style="left:50.00%">middle</span>'));
  assert.ok(html.includes('<span class="end" style="left:100.00%">end</span>'));
  assert.ok(html.includes('<line class="own" x1="0" x2="1000" y1="500.0" y2="500.0"/>'));
});
