/**
 * What we say of the packages that are fetched at run time, against their own types: this file
 * type-checks or it does not; nothing of them is loaded.
 */
import type * as JetStream from "@nats-io/jetstream";
import type * as Nats from "@nats-io/transport-node";
import type amqplib from "amqplib";
import type * as Aws4fetch from "aws4fetch";
import type * as Parquet from "hyparquet-writer";
import type * as IoRedis from "ioredis";
import type * as NodeAv from "node-av";
import type sharp from "sharp";
import type * as Toml from "smol-toml";
import type { TomlModule } from "../packages/clip-drift/fleet/cameras_file.ts";
import type * as Ours from "../packages/media/ffmpeg/node_av.ts";
import type { Sharp } from "../packages/media/formats/sharp.ts";
import type { ParquetModule } from "../packages/transport/batch/output/parquet.ts";
import type { AmqpModule } from "../packages/transport/channels/amqp.ts";
import type { JetStreamModule, NatsModule } from "../packages/transport/channels/nats/nats.ts";
import type { RedisModule } from "../packages/transport/channels/redis.ts";
import type { SignerModule } from "../packages/transport/s3/requests.ts";

type Assignable<Ours, Theirs extends Ours> = [Ours, Theirs];

/** node-av marks FFmpeg's constants as types of their own, where ours are numbers: names count. */
type Has<Ours, Theirs extends Record<keyof Ours, unknown>> = [Ours, Theirs];

/** What must hold. */
export type Checked = [
  Assignable<Sharp, typeof sharp>,
  Has<Ours.NodeAv, typeof NodeAv>,
  Has<Ours.AvPacket, NodeAv.Packet>,
  Has<Ours.AvFrame, NodeAv.Frame>,
  Has<Ours.AvCodecParameters, NodeAv.CodecParameters>,
  Has<Ours.AvStream, NodeAv.Stream>,
  Has<Ours.AvFormatContext, NodeAv.FormatContext>,
  Has<Ours.AvCodecContext, NodeAv.CodecContext>,
  Has<Ours.AvHardwareDevice, NodeAv.HardwareDeviceContext>,
  Has<Ours.AvFilterContext, NodeAv.FilterContext>,
  Has<Ours.AvFilterInOut, NodeAv.FilterInOut>,
  Has<Ours.AvFilterGraph, NodeAv.FilterGraph>,
  Has<ParquetModule, typeof Parquet>,
  Has<TomlModule, typeof Toml>,
  Assignable<RedisModule, typeof IoRedis>,
  Assignable<AmqpModule, typeof amqplib>,
  Assignable<NatsModule, typeof Nats>,
  Assignable<JetStreamModule, typeof JetStream>,
  Assignable<SignerModule, typeof Aws4fetch>,
];

Deno.test("what we use of the packages that are fetched is in their types", () => {
  // The type check of this file is the test.
});
