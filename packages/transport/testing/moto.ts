/**
 * A service that speaks the protocol of S3: moto's, of the Python index, with one bucket and one
 * user, on a loopback port.
 *
 * @module
 */
import { findPython } from "#testing/python.ts";
import type { Needed } from "#testing/shared.ts";

/** A service that runs. */
export interface S3Service extends AsyncDisposable {
  readonly port: number;
  /** Variables of the environment by which its user is known. */
  readonly env: ReadonlyMap<string, string>;
  /** Runs a line of Python in it, to do what no client can. */
  run(line: string): Promise<void>;
}

/** Path of a Python that has moto, or undefined. */
export const MOTO_PYTHON = findPython("moto", "flask", "flask_cors", "boto3");

/** What tests with the service need. */
export const MOTO: Needed = { "moto for Python": MOTO_PYTHON !== undefined };

/** The bucket that is there. */
export const BUCKET = "windows";

/** Runs the lines of its input until that is closed. Everybody is let in until there is a user. */
const SERVICE = `
import json, os, sys
os.environ["INITIAL_NO_AUTH_ACTION_COUNT"] = "4"
import boto3, flask
from moto.iam.access_control import S3IAMRequest
from moto.server import ThreadedMotoServer

# It signs paths and queries that it has decoded, and refuses what is right: those that came.
sign = S3IAMRequest._create_aws_request
def as_it_came(self):
    self._path = "http://any" + flask.request.environ["RAW_URI"]
    return sign(self)
S3IAMRequest._create_aws_request = as_it_came

server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
_, port = server.get_host_and_port()
who = dict(region_name="us-east-1", aws_access_key_id="none", aws_secret_access_key="none")
client = lambda name: boto3.client(name, endpoint_url=f"http://127.0.0.1:{port}", **who)
iam = client("iam")
iam.create_user(UserName="user")
key = iam.create_access_key(UserName="user")["AccessKey"]
everything = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
document = json.dumps({"Version": "2012-10-17", "Statement": [everything]})
iam.put_user_policy(UserName="user", PolicyName="all", PolicyDocument=document)
client("s3").create_bucket(Bucket="${BUCKET}")
print(port, key["AccessKeyId"], key["SecretAccessKey"], flush=True)
for line in sys.stdin:
    exec(line)
    print("done", flush=True)
os._exit(0)
`;

/** Starts the service. */
export async function startMoto(): Promise<S3Service> {
  const child = new Deno.Command(MOTO_PYTHON!, {
    args: ["-c", SERVICE],
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const lines = linesOf(child.stdout);
  const input = child.stdin.getWriter();
  const [port, id = "", secret = ""] = ((await lines.next()).value || "").split(" ");
  if (!port) throw new Error("Cannot start moto: it ended before it had a port");
  return {
    port: Number(port),
    env: new Map([["AWS_ACCESS_KEY_ID", id], ["AWS_SECRET_ACCESS_KEY", secret]]),
    async run(line) {
      await input.write(new TextEncoder().encode(`${line}\n`));
      const { done } = await lines.next();
      if (done) throw new Error(`moto ended by ${line}`);
    },
    async [Symbol.asyncDispose]() {
      await input.close();
      await child.status;
      await lines.return();
    },
  };
}

/** Variables of this process, and so of the ends that it starts. */
export function setVariables(variables: Iterable<[string, string]>): Disposable {
  const before = Array.from(variables, ([name, value]) => {
    const [old] = [Deno.env.get(name)];
    Deno.env.set(name, value);
    return [name, old] as const;
  });
  return {
    [Symbol.dispose]() {
      for (const [name, old] of before) {
        if (old === undefined) Deno.env.delete(name);
        else Deno.env.set(name, old);
      }
    },
  };
}

async function* linesOf(
  stream: ReadableStream<Uint8Array<ArrayBuffer>>,
): AsyncGenerator<string, void, void> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split("\n");
    rest = parts.pop()!;
    yield* parts;
  }
}
