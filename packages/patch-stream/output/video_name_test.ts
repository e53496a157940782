import assert from "node:assert/strict";
import { distinctStems, videoName } from "./video_name.ts";

Deno.test("videoName() is what people call the video", () => {
  assert.equal(videoName("/films/a b.mp4"), "a b.mp4");
  assert.equal(videoName("50%#1?.mp4"), "50%#1?.mp4");
  assert.equal(videoName("https://host/films/caf%C3%A9.mp4?token=1"), "café.mp4");
  assert.equal(videoName("https://host/50%.mp4"), "50%.mp4");
  assert.equal(videoName("https://host/"), "video");
});

Deno.test("distinctStems() keeps files apart", () => {
  assert.deepEqual(
    distinctStems(["a/clip.mp4", "b/clip.mkv", "clip", "https://host/x%2Fy.mp4"]),
    ["clip", "clip-2", "clip-3", "x_y"],
  );
  assert.deepEqual(distinctStems(["x/a.mp4", "y/a.mp4", "a-2.mp4"]), ["a", "a-2", "a-2-2"]);
  assert.deepEqual(distinctStems(["a-2.mp4", "x/a.mp4", "y/a.mp4"]), ["a-2", "a", "a-3"]);
});
