import type { Words } from './ko';

/** 42초 · 3분 05초 · 2시간 07분: short enough for a clock, whole enough to read aloud. */
export function duration(ms: number, w: Words): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  if (s < 60) return `${s}${w.units.s}`;
  if (s < 3600) return `${Math.floor(s / 60)}${w.units.min} ${two(s % 60)}${w.units.s}`;
  return `${Math.floor(s / 3600)}${w.units.h} ${two(Math.floor(s / 60) % 60)}${w.units.min}`;
}

/** A running clock, 0:42 or 1:02:07. */
export function clock(ms: number): string {
  const s = Math.max(0, Math.floor(ms / 1000));
  const minutes = Math.floor(s / 60) % 60;
  const hours = Math.floor(s / 3600);
  return hours ? `${hours}:${two(minutes)}:${two(s % 60)}` : `${minutes}:${two(s % 60)}`;
}

/** Milliseconds below a second, then seconds with one or two decimals. */
export function shortTime(ms: number, w: Words): string {
  if (ms < 1000) return `${Math.round(ms)}${w.units.ms}`;
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)}${w.units.s}`;
}

export function distance(m: number, w: Words): string {
  return m < 1000 ? `${Math.round(m)}${w.units.m}` : `${(m / 1000).toFixed(1)}${w.units.km}`;
}

export function density(px_per_m: number): string {
  return `${px_per_m < 10 ? px_per_m.toFixed(1) : Math.round(px_per_m)} px/m`;
}

const two = (n: number) => String(n).padStart(2, '0');
