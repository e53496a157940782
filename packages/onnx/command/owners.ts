/**
 * Which command has a model of some name. The models themselves are in those commands' packages.
 *
 * @module
 */

/** Commands that have models, and how the names of these begin. */
const OWNERS: Readonly<Record<string, RegExp>> = {
  "encodec-stream": /^encodec/i,
  "video-vq": /^(open-magvit|video_|vidtok|vq-)/i,
  "clip-drift": /^(clip|vit-)/i,
};

/** What to say of a model's name where no models are: which command to ask. */
export function ownerHint(name: string): string {
  const [owner] = Object.entries(OWNERS).find(([, names]) => names.test(name)) ?? [];
  return owner === undefined
    ? `models by name are in the commands ${Object.keys(OWNERS).join(", ")} (each has list)`
    : `the command that has models of such names is ${owner}`;
}
