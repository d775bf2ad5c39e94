// The shape of the traffic chart: two areas over the last minute.

import type { TrafficSample } from "../backend/bindings";

export interface ChartShape {
  sent: Area;
  received: Area;
  /** Bytes per second at the top. */
  top: number;
}

/** One kind of traffic: its edge, which is not drawn along a time without any, and what lies below it. */
export interface Area {
  edge: string;
  fill: string;
}

/** SVG paths in a box of `width` by `height`, newest at the right. */
export function chartShape(samples: TrafficSample[], width: number, height: number): ChartShape {
  const highest = Math.max(0, ...samples.map((sample) => Math.max(sample.sent, sample.received)));
  const top = niceTop(highest);
  const bottom = height - 1;
  const area = (value: (sample: TrafficSample) => number): Area => {
    const points = samples.map((sample, index) => {
      const x = samples.length < 2 ? width : (index / (samples.length - 1)) * width;
      const y = bottom - (value(sample) / top) * (height - 2);
      return `${x.toFixed(1)} ${y.toFixed(1)}`;
    });
    const quiet = (index: number) => samples[index] === undefined || value(samples[index]) === 0;
    const edge = points.map((point, index) => {
      if (quiet(index) && quiet(index + 1) && quiet(index - 1)) return "";
      return index === 0 || (quiet(index) && quiet(index - 1)) ? `M${point}` : `L${point}`;
    });
    return { edge: edge.join(""), fill: points.length > 0 ? `M0 ${bottom}L${points.join("L")}L${width} ${bottom}Z` : "" };
  };
  return { sent: area((sample) => sample.sent), received: area((sample) => sample.received), top };
}

/** The next of 1, 2, 5 times a power of ten, at least 100. */
export function niceTop(value: number): number {
  let step = 100;
  for (;;) {
    for (const factor of [1, 2, 5]) if (value <= step * factor) return step * factor;
    step *= 10;
  }
}
