/**
 * Names of videos, for files and titles.
 *
 * @module
 */
import { basename, extname } from "node:path";

/** A URL with a host, not a path that only looks like one. */
const REMOTE = /^[a-z][a-z0-9+.-]*:\/\//i;

/** The last part of a path or URL: what people call the video. */
export function videoName(video: string): string {
  if (!REMOTE.test(video)) return basename(video);
  const name = basename(new URL(video).pathname);
  try {
    return decodeURIComponent(name) || "video";
  } catch {
    return name;
  }
}

/** Names without extension, numbered where two would be the same. */
export function distinctStems(videos: readonly string[]): string[] {
  const taken = new Set<string>();
  const numbers = new Map<string, number>();
  return videos.map((video) => {
    const name = videoName(video).replaceAll(/[/\\]/g, "_");
    const stem = basename(name, extname(name));
    let free = stem;
    let number = numbers.get(stem) ?? 1;
    while (taken.has(free)) free = `${stem}-${++number}`;
    numbers.set(stem, number);
    taken.add(free);
    return free;
  });
}
