/**
 * Codecs whose key frames stand for themselves, so that decoding can start at any of them.
 *
 * @module
 */

/**
 * Known to need nothing of what comes before a key frame. All others are read from the beginning:
 * Cinepak, VMnc and animations with a palette carry state past their key frames, and a picture that
 * is decoded without it is wrong without an error. FFmpeg has no parser for MS-MPEG-4, WMV 7 and
 * WMV 8: in an AVI file whose index is cut off, packets of theirs count as key frames that are none.
 */
const SEEKABLE: ReadonlySet<string> = new Set(
  ("h264 hevc vvc av1 vp8 vp9 mpeg1video mpeg2video mpeg4 " +
    "wmv3 vc1 h263 h263p flv1 theora mjpeg mjpegb ljpeg jpegls jpeg2000 jpegxl png prores dnxhd " +
    "dvvideo ffv1 ffvhuff huffyuv utvideo magicyuv cfhd rawvideo v210 v308 v408 v410 r210 svq1 " +
    "snow dirac bmp ppm pgm tiff targa webp").split(" "),
);

/**
 * Whether a seek to a key frame gives the frames that decoding from the beginning gives.
 *
 * @param pixelFormat FFmpeg's name; palettes may have been sent with an earlier frame
 */
export function startsAtKeyframes(codec: string, pixelFormat: string | undefined): boolean {
  return SEEKABLE.has(codec) && pixelFormat !== "pal8";
}
