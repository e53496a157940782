/** Commands in processes of their own, their caches in a folder. */
import { fileURLToPath } from "node:url";
import { PARTS_HERE } from "#testing/parts_here.ts";

/** What a command printed, and how it ended. */
export interface Result {
  code: number;
  out: string;
  err: string;
}

/** Makes a function that runs a module of this package as a command. */
export function commandAt(module: string, env: Record<string, string> = {}) {
  const path = fileURLToPath(new URL(module, import.meta.url));
  return async (folder: string, ...args: string[]): Promise<Result> => {
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", path, ...args],
      env: {
        ...PARTS_HERE,
        VCS_CACHE: `${folder}/vcs`,
        TORCH_HOME: `${folder}/torch`,
        HF_HOME: `${folder}/hf`,
        NO_COLOR: "1",
        ...env,
      },
    }).output();
    const [out, err] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
    return { code, out: out!, err: err! };
  };
}

/** Hands a new folder to a test, and removes it. */
export async function withFolder(test: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
