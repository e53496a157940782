import assert from "node:assert/strict";
import { ownerHint } from "./owners.ts";

Deno.test("the owner of a name is the command that has models of such names", () => {
  for (
    const [name, owner] of [
      ["encodec_48khz", "encodec-stream"],
      ["encodec_lm_24khz", "encodec-stream"],
      ["open-magvit2-video", "video-vq"],
      ["video_128_262144.ckpt", "video-vq"],
      ["vidtok-fsq", "video-vq"],
      ["ViT-B/32", "clip-drift"],
      ["vit-l-14-336/openai", "clip-drift"],
    ] as const
  ) {
    assert.equal(ownerHint(name), `the command that has models of such names is ${owner}`);
  }
  assert.match(ownerHint("whisper"), /in the commands encodec-stream, video-vq, clip-drift/);
});
