/**
 * The axes of the test bed: what a clip can be, and what goes with what.
 *
 * @module
 */

/** A value of an axis. */
export interface AxisValue {
  /** What the report calls it. */
  readonly name: string;
  /** How often it is drawn beside others. Default: 1. */
  readonly weight?: number;
  /** Whether it goes with what was drawn before. Default: with everything. */
  readonly fits?: (draw: Readonly<Record<string, string>>) => boolean;
}

/** An encoder, and what it needs. */
interface CodecEntry {
  readonly args: readonly string[];
  /** Containers that take it. */
  readonly containers: readonly string[];
  /** The only pixel format that it takes, where there is one. */
  readonly format?: string;
  /** Pixel formats by colour, where there are several. */
  readonly colours?: readonly string[];
  /** Forms of groups of pictures that it can have, with its own arguments. */
  readonly groups?: Readonly<Record<string, readonly string[]>>;
  /** Filter that it needs. */
  readonly filter?: string;
}

const GENERAL = ["mp4", "mkv", "mov", "ts"];
const PLAIN = ["plain"];
const LIMITED = ["plain", "bt709", "bt2020", "ycgco", "log", "full"];

/** GOP forms of x264, which names them all. */
const X264_GROUPS = {
  intra: ["-g 1"],
  short: ["-g 6 -bf 0"],
  closed: ["-g 12 -bf 3"],
  open: ["-g 12 -bf 3 -x264-params open-gop=1"],
  refresh: ["-g 12 -bf 0 -x264-params intra-refresh=1"],
  long: ["-g 250 -bf 3"],
};

const x265 = (params: string) => [`-x265-params log-level=none:${params}`];

const X265_GROUPS = {
  intra: x265("keyint=1"),
  short: x265("keyint=6:bframes=0"),
  closed: x265("keyint=12:bframes=3:open-gop=0"),
  open: x265("keyint=12:bframes=3:open-gop=1"),
  long: x265("keyint=250:bframes=3"),
};

const NO_B = { intra: ["-g 1"], short: ["-g 6"], long: ["-g 250"] };
const WITH_B = {
  ...NO_B,
  closed: ["-g 12 -bf 2 -flags +cgop -sc_threshold 1000000000"],
  open: ["-g 12 -bf 2"],
};
const ONLY_INTRA = { intra: [] };

/** The codecs by name. */
export const CODECS: Readonly<Record<string, CodecEntry>> = {
  h264: {
    args: ["-c:v libx264 -preset ultrafast -crf 12"],
    containers: [...GENERAL, "flv", "avi", "h264", "nut"],
    colours: [...LIMITED, "ten bits", "444", "grey"],
    groups: X264_GROUPS,
  },
  hevc: {
    args: ["-c:v libx265 -preset ultrafast -crf 12"],
    containers: [...GENERAL, "hevc"],
    colours: [...LIMITED, "ten bits", "444"],
    groups: X265_GROUPS,
  },
  mpeg2: {
    args: ["-c:v mpeg2video -q:v 2"],
    containers: ["ts", "mpg", "mkv", "mp4"],
    colours: PLAIN,
    groups: WITH_B,
  },
  mpeg4: {
    args: ["-c:v mpeg4 -q:v 2"],
    containers: [...GENERAL, "avi", "nut"],
    colours: PLAIN,
    groups: WITH_B,
  },
  vp8: {
    args: [
      "-c:v libvpx -deadline realtime -cpu-used 8 -crf 8 -b:v 1M -auto-alt-ref 1 -lag-in-frames 8",
    ],
    containers: ["webm", "mkv", "ogv", "avi"],
    colours: PLAIN,
    groups: NO_B,
  },
  vp9: {
    args: ["-c:v libvpx-vp9 -cpu-used 8 -crf 16 -b:v 0 -auto-alt-ref 1 -lag-in-frames 8"],
    containers: ["webm", "mkv", "mp4"],
    colours: ["plain", "bt709", "bt2020"],
    groups: NO_B,
  },
  av1: {
    args: ["-c:v libaom-av1 -cpu-used 8 -usage realtime -crf 20"],
    containers: ["mkv", "mp4", "webm"],
    colours: ["plain", "bt709", "bt2020"],
    groups: NO_B,
  },
  mjpeg: {
    args: ["-c:v mjpeg -q:v 2"],
    containers: ["avi", "mkv", "mov", "mjpeg"],
    format: "yuvj420p",
    groups: ONLY_INTRA,
  },
  ffv1: {
    args: ["-c:v ffv1 -level 3"],
    containers: ["mkv", "avi", "nut"],
    colours: ["plain", "ten bits", "444", "grey", "grey10"],
    groups: NO_B,
  },
  huffyuv: {
    args: ["-c:v ffvhuff"],
    containers: ["avi", "mkv"],
    colours: PLAIN,
    groups: ONLY_INTRA,
  },
  prores: {
    args: ["-c:v prores_ks"],
    containers: ["mov", "mkv"],
    format: "yuv422p10le",
    groups: ONLY_INTRA,
  },
  theora: {
    args: ["-c:v libtheora -q:v 9"],
    containers: ["ogv", "mkv"],
    colours: PLAIN,
    groups: NO_B,
  },
  flv1: { args: ["-c:v flv -q:v 2"], containers: ["flv"], colours: PLAIN, groups: NO_B },
  wmv2: { args: ["-c:v wmv2 -q:v 2"], containers: ["wmv", "avi"], colours: PLAIN, groups: NO_B },
  msmpeg4: { args: ["-c:v msmpeg4 -q:v 2"], containers: ["avi"], colours: PLAIN, groups: NO_B },
  svq1: { args: ["-c:v svq1 -q:v 2"], containers: ["mov"], format: "yuv410p", groups: NO_B },
  snow: {
    args: ["-c:v snow -q:v 2 -strict -2"],
    containers: ["avi", "nut"],
    colours: PLAIN,
    groups: NO_B,
  },
  raw: { args: ["-c:v rawvideo"], containers: ["nut", "avi"], colours: PLAIN, groups: ONLY_INTRA },
  png: { args: ["-c:v png"], containers: ["mov", "mkv"], format: "rgb24", groups: ONLY_INTRA },
  palette: {
    args: ["-c:v rawvideo"],
    containers: ["avi"],
    format: "pal8",
    filter: "split[a][b];[a]palettegen=stats_mode=single[p];[b][p]paletteuse=new=1",
    groups: ONLY_INTRA,
  },
  cinepak: { args: ["-c:v cinepak"], containers: ["avi", "mov"], format: "rgb24", groups: NO_B },
  qtrle: { args: ["-c:v qtrle"], containers: ["mov"], format: "rgb24", groups: NO_B },
  gif: { args: ["-c:v gif"], containers: ["gif"], format: "rgb8", groups: { long: [] } },
};

/** Groups of pictures that encoders share. */
export const GROUPS: Readonly<Record<string, readonly string[]>> = {
  intra: [],
  short: [],
  closed: [],
  open: [],
  refresh: [],
  long: [],
};

/** Pixel format and arguments of each colour. */
export const COLOURS: Readonly<Record<string, readonly [string, readonly string[]]>> = {
  plain: ["yuv420p", []],
  bt709: ["yuv420p", ["-colorspace bt709 -color_primaries bt709 -color_trc bt709"]],
  bt2020: ["yuv420p", ["-colorspace bt2020nc -color_primaries bt2020 -color_trc arib-std-b67"]],
  ycgco: ["yuv420p", ["-colorspace ycgco"]],
  log: ["yuv420p", ["-colorspace bt709 -color_trc log100"]],
  full: ["yuv420p", ["-color_range pc"]],
  "ten bits": ["yuv420p10le", []],
  "444": ["yuv444p", []],
  grey: ["gray", []],
  grey10: ["gray10le", []],
};

/** Frames per second, and what makes their times uneven. */
export const RATES: Readonly<
  Record<string, { rate: number; filter?: string; output?: readonly string[] }>
> = {
  "25": { rate: 25 },
  "1980": { rate: 1980 },
  "uneven": { rate: 25, filter: ",setpts='PTS+0.35*mod(N\\,3)/25/TB'" },
  "late": { rate: 30, output: ["-output_ts_offset", "7.3"] },
};

/** Where a copy starts, or whether another recording is joined to the end. */
export const CUTS: Readonly<Record<string, { seek?: string; join?: boolean }>> = {
  none: {},
  early: { seek: "0.3" },
  middle: { seek: "0.65" },
  joined: { join: true },
};

/** What is done to the file's bytes; undefined for nothing. */
export const DAMAGES: Readonly<
  Record<string, (bytes: Uint8Array<ArrayBuffer>, next: () => number) => Uint8Array | undefined>
> = {
  none: () => undefined,
  flipped: (bytes, next) => {
    const at = Math.floor(bytes.length * (0.3 + 0.6 * next()));
    for (let i = at; i < Math.min(at + 40, bytes.length); i++) bytes[i]! ^= 0x5a;
    return bytes;
  },
  truncated: (bytes, next) => bytes.slice(0, Math.floor(bytes.length * (0.5 + 0.4 * next()))),
  beheaded: (bytes, next) => bytes.slice(188 * Math.floor((bytes.length / 188) * 0.4 * next())),
};

const STREAMED = new Set(["ts", "mpg", "h264", "hevc", "mjpeg"]);
/** Their muxers write no cut that ffmpeg itself could read back, or no times to cut by. */
const UNCUT = new Set(["h264", "hevc", "mjpeg", "gif", "ogv"]);
/** FFmpeg 5.1 shows the AV1 frame that an edit list takes off the start, and FFmpeg 8.1 does not. */
const differsByVersion = (codec: string, container: string): boolean =>
  codec === "av1" && container === "mp4";
const FAST = new Set(["mkv", "webm", "flv", "mp4", "mov", "nut"]);
const TURNED = new Set(["mp4", "mov"]);

const named = (names: object): AxisValue[] => Object.keys(names).map((name) => ({ name }));

/** How often a value is drawn beside the others, where it is not 1: all are to come often enough. */
const WEIGHTS: Readonly<Record<string, number>> = {
  ...{
    h264: 5,
    hevc: 4,
    mpeg2: 3,
    mpeg4: 2,
    vp8: 2,
    vp9: 2,
    av1: 2,
    ffv1: 3,
    wmv2: 2,
    msmpeg4: 1,
    theora: 2,
    huffyuv: 1.5,
    mjpeg: 2,
    gif: 1.5,
  },
};

/** The same for containers. */
const CONTAINER_WEIGHTS: Readonly<Record<string, number>> = {
  ...{ ts: 2, flv: 2, mpg: 3, h264: 5, hevc: 3, webm: 2, nut: 2, mjpeg: 5, ogv: 2, wmv: 5 },
};

/** The same for the other axes. */
const OTHER_WEIGHTS: Readonly<Record<string, number>> = {
  ...{
    open: 3,
    refresh: 3,
    joined: 2,
    plain: 2,
    grey: 3,
    grey10: 6,
    log: 2,
    full: 2,
    "ten bits": 2,
  },
  ...{ ycgco: 2, "444": 2, even: 7 },
};

const damageWeight = (name: string): number => name === "none" ? 14 : name === "beheaded" ? 6 : 1;

/** Every axis in the order of drawing. */
export const AXES = {
  codec: named(CODECS).map(({ name }): AxisValue => ({ name, weight: WEIGHTS[name] ?? 1 })),
  container: [...new Set(Object.values(CODECS).flatMap(({ containers }) => containers))].map(
    (name): AxisValue => ({
      name,
      weight: CONTAINER_WEIGHTS[name] ?? 1,
      fits: ({ codec }) => CODECS[codec!]!.containers.includes(name),
    }),
  ),
  group: named(GROUPS).map(({ name }): AxisValue => ({
    name,
    weight: OTHER_WEIGHTS[name] ?? 1,
    fits: ({ codec }) => CODECS[codec!]!.groups?.[name] !== undefined,
  })),
  rate: named(RATES).map(({ name }): AxisValue => ({
    name,
    fits: ({ container, codec }) =>
      name === "25" || (name === "1980" && FAST.has(container!) && codec !== "prores") ||
      (/uneven|late/.test(name) && /mkv|mp4|mov|ts|nut/.test(container!)),
  })),
  cut: named(CUTS).map(({ name }): AxisValue => ({
    name,
    weight: OTHER_WEIGHTS[name] ?? 1,
    fits: ({ codec, container, rate }) =>
      name === "none" || (name === "joined" && STREAMED.has(container!)) ||
      (name !== "joined" && rate !== "1980" && rate !== "late" && !UNCUT.has(container!) &&
        !differsByVersion(codec!, container!)),
  })),
  rotation: ["none", "90", "180", "270"].map((name): AxisValue => ({
    name,
    fits: ({ container, cut }) => name === "none" || (TURNED.has(container!) && cut !== "joined"),
  })),
  colour: named(COLOURS).map(({ name }): AxisValue => ({
    name,
    weight: OTHER_WEIGHTS[name] ?? 1,
    fits: ({ codec, group }) =>
      (CODECS[codec!]!.colours ?? PLAIN).includes(name) && (name !== "grey" || group !== "refresh"),
  })),
  size: ["even", "odd"].map((name): AxisValue => ({
    name,
    weight: OTHER_WEIGHTS[name] ?? 1,
    fits: ({ codec, colour }) =>
      name === "even" || /ffv1|vp8|vp9|mpeg4/.test(codec!) || colour === "444",
  })),
  damage: named(DAMAGES).map(({ name }): AxisValue => ({
    name,
    weight: damageWeight(name),
    fits: ({ container }) => name !== "beheaded" || STREAMED.has(container!),
  })),
} satisfies Record<string, readonly AxisValue[]>;

/** Names of the axes. */
export type AxisName = keyof typeof AXES;
