// Times and sizes in words.

import { strings } from "./strings";

const clock = new Intl.DateTimeFormat(undefined, { hour: "numeric", minute: "2-digit" });
const day = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const dayOfYear = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short", year: "numeric" });

/** A moment as it is called now: "just now", "5 min ago", "10:42", "yesterday, 10:42", "3 Mar". */
export function moment(at: number, now: number): string {
  const minutes = Math.floor((now - at) / 60_000);
  if (minutes < 1) return strings.time.justNow;
  if (minutes < 60) return strings.time.minutes(minutes);
  return clockMoment(at, now);
}

/** The same without the relative words, for what stays on the screen. */
export function clockMoment(at: number, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return clock.format(then);
  const before = new Date(now);
  before.setDate(today.getDate() - 1);
  if (then.toDateString() === before.toDateString()) return strings.time.yesterday(clock.format(then));
  const date = (then.getFullYear() === today.getFullYear() ? day : dayOfYear).format(then);
  return `${date}, ${clock.format(then)}`;
}

/** For lists: the time of today, else the date. */
export function shortMoment(at: number, now: number): string {
  const then = new Date(at);
  const today = new Date(now);
  if (then.toDateString() === today.toDateString()) return clock.format(then);
  return (then.getFullYear() === today.getFullYear() ? day : dayOfYear).format(then);
}

export function untilMoment(at: number, now: number): string {
  const seconds = Math.ceil((at - now) / 1000);
  return seconds <= 0 ? strings.time.soon : strings.time.inSeconds(seconds);
}

export function byteSize(bytes: number): string {
  if (bytes < 1000) return `${Math.round(bytes)} B`;
  const units = ["kB", "MB", "GB"];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value < 10 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}
