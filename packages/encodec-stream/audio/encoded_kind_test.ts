import assert from "node:assert/strict";
import { encodeWav } from "@vcs/media/wav";
import { encodedKind } from "./encoded_kind.ts";

const bytes = (text: string) => Uint8Array.from(text, (c) => c.charCodeAt(0));

Deno.test("audio files are distinguished from bare samples by their first bytes", () => {
  assert.equal(encodedKind(encodeWav([new Float32Array(9)], { sampleRate: 48000 })), "WAV");
  for (
    const [kind, start] of [
      ["FLAC", "fLaC\0\0\0\x22"],
      ["Ogg", "OggS\0\x02"],
      ["MP3", "ID3\x04\0\0"],
      ["MP4", "\0\0\0\x20ftypM4A "],
      ["AIFF", "FORM\0\0\0\0AIFF"],
      ["WAV", "RF64\xff\xff\xff\xffWAVE"],
      ["RIFF", "RIFF\0\0\0\0AVI "],
      ["Wave64", "riff\x2e\x91\xcf\x11\xa5\xd6"],
      ["WavPack", "wvpk"],
      [".ecdc", "ECDC\0"],
    ] as const
  ) {
    assert.equal(encodedKind(bytes(start)), kind);
  }
});

Deno.test("AAC without a container is known by two frames", () => {
  const frames = new Uint8Array(2048);
  // 371 bytes.
  const header = [0xff, 0xf1, 0x50, 0x80, 371 >> 3, (371 & 7) << 5];
  frames.set(header);
  assert.equal(encodedKind(frames), undefined);
  frames.set(header, 371);
  assert.equal(encodedKind(frames), "AAC");
});

Deno.test("MP3 without a tag is known by two frames, and a loud pair of samples is none", () => {
  // MPEG 1, layer III, 128 kbit/s, 44.1 kHz: 417 bytes; 24 kHz, 64 kbit/s: 192 bytes.
  for (const [header, size] of [[[0xff, 0xfb, 0x90], 417], [[0xff, 0xf3, 0x84], 192]] as const) {
    const frames = new Uint8Array(2048);
    frames.set(header);
    assert.equal(encodedKind(frames), undefined);
    frames.set(header, size);
    assert.equal(encodedKind(frames), "MP3");
  }
  assert.equal(encodedKind(new Uint8Array(2048)), undefined);
  assert.equal(encodedKind(new Uint8Array(0)), undefined);
  assert.equal(encodedKind(new Uint8Array(2048).fill(0xff)), undefined);
});
