// The shape of the traffic chart: two lines over the last minute.

import type { TrafficSample } from "../backend/bindings";

export interface ChartShape {
  sent: string;
  received: string;
  /** Bytes per second at the top. */
  top: number;
}

/** SVG paths in a box of `width` by `height`, newest at the right. */
export function chartShape(samples: TrafficSample[], width: number, height: number): ChartShape {
  const highest = Math.max(0, ...samples.map((sample) => Math.max(sample.sent, sample.received)));
  const top = niceTop(highest);
  const line = (value: (sample: TrafficSample) => number) =>
    samples
      .map((sample, index) => {
        const x = samples.length < 2 ? width : (index / (samples.length - 1)) * width;
        const y = height - 1 - (value(sample) / top) * (height - 2);
        return `${index === 0 ? "M" : "L"}${x.toFixed(1)} ${y.toFixed(1)}`;
      })
      .join("");
  return { sent: line((sample) => sample.sent), received: line((sample) => sample.received), top };
}

/** The next of 1, 2, 5 times a power of ten, at least 100. */
export function niceTop(value: number): number {
  let step = 100;
  for (;;) {
    for (const factor of [1, 2, 5]) if (value <= step * factor) return step * factor;
    step *= 10;
  }
}
