/** Seconds that the first message is held back, so that later ones may be late by less. */
const HOLD = 0.5;
const HEADER = 24;

/** A picture or a piece of sound; see film_message.ts. */
export function readMessage(buffer) {
  const view = new DataView(buffer);
  const second = view.getFloat64(8, true);
  const [a, b] = [view.getUint32(16, true), view.getUint32(20, true)];
  if (view.getUint8(0) === 0) {
    return { second, width: a, height: b, rgb: new Uint8Array(buffer, HEADER) };
  }
  const samples = new Int16Array(buffer, HEADER);
  const planes = Array.from({ length: b }, (_, channel) => {
    return Float32Array.from({ length: samples.length / b }, (_, i) => {
      return samples[i * b + channel] / 32767;
    });
  });
  return { second, rate: a, planes };
}

/**
 * Plays a film by one clock, that of the sound card: sound is scheduled on it, and a picture is
 * shown once its second is heard.
 */
export class Player {
  #context;
  #draw;
  #hold;
  /** When second 0 of the film is heard, by the context's clock. */
  #start;
  #hasSound = false;
  #frames = [];

  /** `draw` shows a picture. */
  constructor(context, draw, hold = HOLD) {
    this.#context = context;
    this.#draw = draw;
    this.#hold = hold;
  }

  /** Pictures that wait for their second. */
  get waiting() {
    return this.#frames.length;
  }

  /** Takes what has come. */
  push(message) {
    const { currentTime } = this.#context;
    const isSound = message.planes !== undefined;
    // The sound's lateness counts: pictures can be left out, while a gap is heard.
    const isLate = this.#start + message.second < currentTime && (isSound || !this.#hasSound);
    if (this.#start === undefined || isLate) {
      this.#start = currentTime + this.#hold - message.second;
    }
    this.#hasSound ||= isSound;
    if (isSound) this.#schedule(message);
    else this.#frames.push(message);
  }

  #schedule({ second, rate, planes }) {
    const buffer = this.#context.createBuffer(planes.length, planes[0].length, rate);
    planes.forEach((plane, channel) => buffer.copyToChannel(plane, channel));
    const node = this.#context.createBufferSource();
    node.buffer = buffer;
    node.connect(this.#context.destination);
    node.start(this.#start + second);
  }

  /** Shows the picture of the second that is heard now. */
  show() {
    const heard = this.#context.currentTime - (this.#context.outputLatency ?? 0) - this.#start;
    let due;
    while (this.#frames[0]?.second <= heard) due = this.#frames.shift();
    if (due) this.#draw(due);
    return due?.second;
  }
}

/** Shows a picture on a canvas. */
export function drawOn(canvas) {
  return ({ width, height, rgb }) => {
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
      canvas.style.aspectRatio = `${width} / ${height}`;
    }
    const image = new ImageData(width, height);
    for (let i = 0; i < width * height; i++) {
      image.data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
      image.data[4 * i + 3] = 255;
    }
    canvas.getContext("2d").putImageData(image, 0, 0);
  };
}
