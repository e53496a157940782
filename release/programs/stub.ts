/**
 * A command as one executable file: a shell script, followed by a compressed archive that the
 * script unpacks at its first start.
 *
 * @module
 */

/** What goes into a self-extracting file. */
export interface SelfExtracting {
  /** The command's name. */
  readonly name: string;
  /** Its version. */
  readonly version: string;
  /** Which machines it is for. */
  readonly platform: string;
  /** The archive, as parts that follow one another; its last file is `complete`. */
  readonly payload: readonly Uint8Array<ArrayBuffer>[];
}

/** The first digits of the payload's SHA-256: another payload is another folder. */
async function idOf(payload: readonly Uint8Array<ArrayBuffer>[]): Promise<string> {
  const digests = await Promise.all(
    payload.map(async (part) => new Uint8Array(await crypto.subtle.digest("SHA-256", part))),
  );
  const whole = await crypto.subtle.digest("SHA-256", await new Blob(digests).arrayBuffer());
  return new Uint8Array(whole).toHex().slice(0, 12);
}

/** The bytes of a self-extracting file. */
export async function selfExtracting(
  { name, version, platform, payload }: SelfExtracting,
): Promise<Uint8Array<ArrayBuffer>> {
  const stub = await Deno.readTextFile(new URL("stub.sh", import.meta.url));
  const size = payload.reduce((total, part) => total + part.length, 0);
  const values: Record<string, string> = {
    NAME: name,
    VERSION: version,
    PLATFORM: platform,
    ID: `${version}-${await idOf(payload)}`,
    SIZE_MB: String(Math.ceil(size / 1e6)),
    LINES: String(stub.split("\n").length),
  };
  const script = stub.replace(/@(\w+)@/g, (_, key: string) => values[key]!);
  return await new Response(new Blob([script, ...payload])).bytes();
}
